"""OAuth in both directions: agents that come with an issuer's access token, and servers that want one from us."""
