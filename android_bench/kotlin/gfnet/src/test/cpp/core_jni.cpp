// CoreEngine.kt's side: graphs run by the C++ core, on the memory of Kotlin's registers.
#include <jni.h>

#include <memory>
#include <string>
#include <vector>

#include "../../../../jni/errors.h"
#include "core/bundle.h"
#include "core/graphs.h"

namespace {

struct Engine {
    Engine(const std::string& folder, int threads)
        : bundle(gfnet::open_bundle(folder, gfnet::kTarget)), graphs(bundle, threads) {}

    const gfnet::Bundle bundle;
    gfnet::Graphs graphs;
    std::vector<gfnet::BoundCall> calls;
};

std::string text_of(JNIEnv* env, jstring value) {
    const char* letters = env->GetStringUTFChars(value, nullptr);
    std::string text(letters);
    env->ReleaseStringUTFChars(value, letters);
    return text;
}

// `dtypes` in the order of Kotlin's Dtype; each buffer is direct.
gfnet::Tensors tensors_of(JNIEnv* env, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray buffers) {
    constexpr gfnet::Dtype kDtypes[] = {gfnet::Dtype::kFloat32, gfnet::Dtype::kFloat16, gfnet::Dtype::kInt32};
    gfnet::Tensors tensors;
    for (jsize index = 0; index < env->GetArrayLength(names); ++index) {
        jint dtype = 0;
        env->GetIntArrayRegion(dtypes, index, 1, &dtype);
        const auto extents = static_cast<jintArray>(env->GetObjectArrayElement(shapes, index));
        gfnet::Shape shape(static_cast<size_t>(env->GetArrayLength(extents)));
        env->GetIntArrayRegion(extents, 0, static_cast<jsize>(shape.size()), shape.data());
        void* data = env->GetDirectBufferAddress(env->GetObjectArrayElement(buffers, index));
        const std::string name = text_of(env, static_cast<jstring>(env->GetObjectArrayElement(names, index)));
        tensors.emplace(name, gfnet::Tensor{kDtypes[dtype], shape, data});
    }
    return tensors;
}

Engine* engine_of(jlong handle) { return reinterpret_cast<Engine*>(handle); }

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_org_gfnetmobile_CoreEngine_open(JNIEnv* env, jclass, jstring folder, jint threads) {
    jlong handle = 0;
    gfnet::as_java_error(
        env, [&] { handle = reinterpret_cast<jlong>(new Engine(text_of(env, folder), threads)); });
    return handle;
}

JNIEXPORT jint JNICALL Java_org_gfnetmobile_CoreEngine_bind(
    JNIEnv* env, jclass, jlong handle, jstring graph, jobjectArray input_names, jintArray input_dtypes,
    jobjectArray input_shapes, jobjectArray input_buffers, jobjectArray output_names, jintArray output_dtypes,
    jobjectArray output_shapes, jobjectArray output_buffers) {
    Engine& engine = *engine_of(handle);
    gfnet::as_java_error(env, [&] {
        engine.calls.push_back(engine.graphs.bind(
            text_of(env, graph), tensors_of(env, input_names, input_dtypes, input_shapes, input_buffers),
            tensors_of(env, output_names, output_dtypes, output_shapes, output_buffers)));
    });
    return static_cast<jint>(engine.calls.size()) - 1;
}

JNIEXPORT void JNICALL Java_org_gfnetmobile_CoreEngine_call(JNIEnv* env, jclass, jlong handle, jint call) {
    gfnet::as_java_error(env, [&] { engine_of(handle)->calls[static_cast<size_t>(call)](); });
}

JNIEXPORT void JNICALL Java_org_gfnetmobile_CoreEngine_close(JNIEnv*, jclass, jlong handle) {
    delete engine_of(handle);
}

}  // extern "C"
