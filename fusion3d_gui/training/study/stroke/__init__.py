"""The study of stroke outcome from lesion maps and clinical values; its protocol is docs/stroke/protocol.md."""
