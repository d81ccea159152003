"""Station for Android phones: the native runner and the Kotlin library. Nothing is here yet."""
