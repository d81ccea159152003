package androidx.test.platform.app;

import android.app.Instrumentation;

/**
 * What this project uses of
 * https://developer.android.com/reference/androidx/test/platform/app/InstrumentationRegistry
 */
public final class InstrumentationRegistry {
    private InstrumentationRegistry() {}

    public static Instrumentation getInstrumentation() {
        return new Instrumentation();
    }
}
