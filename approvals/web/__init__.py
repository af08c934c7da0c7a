"""The web console and the REST API: people's side of the desk."""
