"""Where the light stages run: in this process, on Prism, or on another portable runner."""
