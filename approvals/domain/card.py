"""What is shown of a request, for every surface alike: plain text, no markup, no secrets.

`make_card` is the only way from a request to something people read outside the web page.
"""
