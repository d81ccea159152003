// NativeCore.kt's side of the preprocessing.
#include <jni.h>

#include <exception>
#include <new>

#include "core/picture.h"

namespace {

// C++ exceptions do not pass through Java: a call catches what is thrown and leaves a GFNetError pending.
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

// ARGB in an int, as Android's Bitmap gives colours, to bytes in the order R, G, B, A; in place.
void to_rgba(jint* colours, size_t count) {
    auto* bytes = reinterpret_cast<uint8_t*>(colours);
    for (size_t i = 0; i < count; ++i) {
        const auto colour = static_cast<uint32_t>(colours[i]);
        for (size_t c = 0; c < 3; ++c) bytes[4 * i + c] = static_cast<uint8_t>(colour >> (16 - 8 * c));
        bytes[4 * i + 3] = static_cast<uint8_t>(colour >> 24);
    }
}

// An int array's values where they are: Java's heap stands still meanwhile, and a photo is not copied.
class Colours {
  public:
    Colours(JNIEnv* env, jintArray array)
        : env_(env),
          array_(array),
          data_(static_cast<jint*>(env->GetPrimitiveArrayCritical(array, nullptr))) {
        if (!data_) throw std::bad_alloc();
    }
    Colours(const Colours&) = delete;
    ~Colours() { env_->ReleasePrimitiveArrayCritical(array_, data_, JNI_ABORT); }

    jint* data() { return data_; }

  private:
    JNIEnv* env_;
    jintArray array_;
    jint* data_;
};

}  // namespace

extern "C" JNIEXPORT jdoubleArray JNICALL Java_org_gfnetmobile_NativeCore_prepare(
    JNIEnv* env, jclass, jintArray colours, jint width, jint height, jint orientation, jint size, jint resize,
    jboolean is_bicubic, jobject image) {
    jdoubleArray found = nullptr;
    as_java_error(env, [&] {
        const auto filter = is_bicubic ? gfnet::Filter::kBicubic : gfnet::Filter::kBilinear;
        auto* tensor = static_cast<float*>(env->GetDirectBufferAddress(image));
        gfnet::Prepared prepared;
        {
            Colours values(env, colours);
            to_rgba(values.data(), static_cast<size_t>(width) * static_cast<size_t>(height));
            gfnet::Source source;
            source.width = width;
            source.height = height;
            source.channels = 4;
            source.data = values.data();
            source.row_bytes = static_cast<size_t>(width) * 4;
            source.orientation = orientation;
            prepared = gfnet::prepare(source, {size, resize, filter});
        }
        gfnet::to_tensor(prepared.pixels.data(), size, tensor);
        const double geometry[] = {prepared.down, prepared.across, static_cast<double>(prepared.offset_row),
                                   static_cast<double>(prepared.offset_column)};
        found = env->NewDoubleArray(4);
        if (found) env->SetDoubleArrayRegion(found, 0, 4, geometry);
    });
    return found;
}
