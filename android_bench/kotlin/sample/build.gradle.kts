plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.gfnetmobile.sample"
    compileSdk = 36
    defaultConfig {
        applicationId = "org.gfnetmobile.sample"
        minSdk = 28 // ImageDecoder
        targetSdk = 36
        versionCode = 1
        versionName = "1"
    }
    androidResources { noCompress += "pte" } // copied once, and already dense
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation(project(":gfnet"))
}
