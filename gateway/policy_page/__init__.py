"""The policies of servers over REST, for the page and for scripts: read, check, try, save, bring back, export."""
