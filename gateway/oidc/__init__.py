"""People sign in with the identity provider of their company (OpenID Connect)."""
