/// This package's version: that of `gfnet-mobile`, whose bundles it reads.
public let version = "0.1.0"
