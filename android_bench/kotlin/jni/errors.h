// C++ exceptions do not pass through Java: each call catches what is thrown and leaves a GFNetError pending.
#pragma once

#include <jni.h>

#include <exception>

namespace gfnet {

template <typename Work>
void as_java_error(JNIEnv* env, Work work) {
    try {
        work();
    } catch (const std::exception& error) {
        jclass kind = env->FindClass("org/gfnetmobile/GFNetError");
        jmethodID make = env->GetMethodID(kind, "<init>", "(Ljava/lang/String;Ljava/lang/Throwable;)V");
        jobject thrown = env->NewObject(kind, make, env->NewStringUTF(error.what()), nullptr);
        env->Throw(static_cast<jthrowable>(thrown));
    }
}

}  // namespace gfnet
