"""Station for iPhones: the Swift package that apps embed, and the app that measures. Nothing is here yet."""
