"""What a notebook shows and tabulates: views by NiiVue, masks, pandas tables, figures (extra `[notebook]`)."""
