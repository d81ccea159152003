"""The iPhone's side: GFNetKit, a Swift package, and the bench app; see docs/ios.md."""
