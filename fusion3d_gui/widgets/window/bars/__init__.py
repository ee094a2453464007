"""Bars and strips around the views: header, tools, notices, status."""
