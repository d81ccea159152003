// The native half of ExecuTorch's Android classes for a desktop, where ExecuTorch's own library does not run:
// the Java classes are the real ones, and graphs are run by the runner's C++ core. It can go when
// executorch-android's libraries come for desktops too.
#include <jni.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/graphs.h"
#include "core/method.h"

namespace {

struct Module {
    explicit Module(const std::string& path) : program(path) {}

    gfnet::Program program;
    std::map<std::string, std::unique_ptr<gfnet::Method>> methods;
};

// Java's numbers for them are torch's
constexpr std::pair<jint, gfnet::Dtype> kDtypes[] = {
    {3, gfnet::Dtype::kInt32}, {5, gfnet::Dtype::kFloat16}, {6, gfnet::Dtype::kFloat32}};

gfnet::Dtype dtype_of(jint code) {
    for (const auto& [number, dtype] : kDtypes) {
        if (number == code) return dtype;
    }
    throw std::runtime_error("a dtype that bundles do not have");
}

jint code_of(gfnet::Dtype wanted) {
    for (const auto& [number, dtype] : kDtypes) {
        if (dtype == wanted) return number;
    }
    return -1;
}

// A call into Java ended with an exception, which is still pending.
struct JavaThrew {};

template <typename Value>
Value checked(JNIEnv* env, Value value) {
    if (env->ExceptionCheck()) throw JavaThrew();
    return value;
}

template <typename Work>
void as_java_error(JNIEnv* env, Work work) {
    try {
        work();
    } catch (const JavaThrew&) {
    } catch (const std::exception& error) {
        env->ThrowNew(env->FindClass("java/lang/RuntimeException"), error.what());
    }
}

std::string text_of(JNIEnv* env, jstring value) {
    const char* letters = env->GetStringUTFChars(value, nullptr);
    std::string text(letters);
    env->ReleaseStringUTFChars(value, letters);
    return text;
}

jobjectArray texts(JNIEnv* env, const std::vector<std::string>& values) {
    const auto count = static_cast<jsize>(values.size());
    jobjectArray array = env->NewObjectArray(count, env->FindClass("java/lang/String"), nullptr);
    for (jsize i = 0; i < count; ++i) {
        env->SetObjectArrayElement(array, i, env->NewStringUTF(values[static_cast<size_t>(i)].c_str()));
    }
    return array;
}

Module& module_of(JNIEnv* env, jobject self) {
    jfieldID field =
        env->GetFieldID(env->GetObjectClass(self), "mHybridData", "Lcom/facebook/jni/HybridData;");
    jobject data = env->GetObjectField(self, field);
    jfieldID handle = env->GetFieldID(env->GetObjectClass(data), "handle", "J");
    return *reinterpret_cast<Module*>(env->GetLongField(data, handle));
}

// A Tensor over a direct buffer; the values stay where they are.
gfnet::Tensor tensor_of(JNIEnv* env, jobject tensor) {
    jclass kind = env->FindClass("org/pytorch/executorch/Tensor");
    jobject buffer = checked(env, env->CallObjectMethod(tensor, env->GetMethodID(kind, "getRawDataBuffer",
                                                                                 "()Ljava/nio/Buffer;")));
    const auto extents =
        static_cast<jlongArray>(env->GetObjectField(tensor, env->GetFieldID(kind, "shape", "[J")));
    std::vector<jlong> shape(static_cast<size_t>(env->GetArrayLength(extents)));
    env->GetLongArrayRegion(extents, 0, static_cast<jsize>(shape.size()), shape.data());
    const jint code = checked(env, env->CallIntMethod(tensor, env->GetMethodID(kind, "dtypeJniCode", "()I")));
    return {dtype_of(code), gfnet::Shape(shape.begin(), shape.end()), env->GetDirectBufferAddress(buffer)};
}

// A Java object of its own for an output, and the memory behind it.
jobject new_tensor(JNIEnv* env, gfnet::Tensor& tensor) {
    jclass buffers = env->FindClass("java/nio/ByteBuffer");
    jclass orders = env->FindClass("java/nio/ByteOrder");
    jmethodID allocate = env->GetStaticMethodID(buffers, "allocateDirect", "(I)Ljava/nio/ByteBuffer;");
    jmethodID native = env->GetStaticMethodID(orders, "nativeOrder", "()Ljava/nio/ByteOrder;");
    jmethodID set_order = env->GetMethodID(buffers, "order", "(Ljava/nio/ByteOrder;)Ljava/nio/ByteBuffer;");
    jobject buffer =
        checked(env, env->CallStaticObjectMethod(buffers, allocate, static_cast<jint>(tensor.bytes())));
    buffer = checked(env, env->CallObjectMethod(buffer, set_order,
                                                checked(env, env->CallStaticObjectMethod(orders, native))));
    tensor.data = env->GetDirectBufferAddress(buffer);

    const std::vector<jlong> shape(tensor.shape.begin(), tensor.shape.end());
    jlongArray extents = env->NewLongArray(static_cast<jsize>(shape.size()));
    env->SetLongArrayRegion(extents, 0, static_cast<jsize>(shape.size()), shape.data());
    jclass kind = env->FindClass("org/pytorch/executorch/Tensor");
    jmethodID make = env->GetStaticMethodID(
        kind, "nativeNewTensor",
        "(Ljava/nio/ByteBuffer;[JILcom/facebook/jni/HybridData;)Lorg/pytorch/executorch/Tensor;");
    return checked(env,
                   env->CallStaticObjectMethod(kind, make, buffer, extents, code_of(tensor.dtype), nullptr));
}

}  // namespace

extern "C" {

JNIEXPORT jobject JNICALL Java_org_pytorch_executorch_Module_initHybrid(JNIEnv* env, jclass, jstring path,
                                                                        jint, jint) {
    jobject data = nullptr;
    as_java_error(env, [&] {
        const auto handle = reinterpret_cast<jlong>(new Module(text_of(env, path)));
        jclass kind = env->FindClass("com/facebook/jni/HybridData");
        data = env->NewObject(kind, env->GetMethodID(kind, "<init>", "(J)V"), handle);
    });
    return data;
}

JNIEXPORT void JNICALL Java_com_facebook_jni_HybridData_delete(JNIEnv*, jclass, jlong handle) {
    delete reinterpret_cast<Module*>(handle);
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_getMethodsNative(JNIEnv* env,
                                                                                   jobject self) {
    const auto& program = module_of(env, self).program.program();
    std::vector<std::string> names;
    for (size_t i = 0; i < program.num_methods(); ++i) names.emplace_back(*program.get_method_name(i));
    return texts(env, names);
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_getUsedBackends(JNIEnv* env, jobject,
                                                                                  jstring) {
    return texts(env, {});
}

JNIEXPORT jint JNICALL Java_org_pytorch_executorch_Module_loadMethodNative(JNIEnv* env, jobject self,
                                                                           jstring name) {
    as_java_error(env, [&] {
        Module& module = module_of(env, self);
        const std::string method = text_of(env, name);
        module.methods[method] = std::make_unique<gfnet::Method>(module.program, method);
    });
    return 0;
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_executeNative(JNIEnv* env, jobject self,
                                                                                jstring name,
                                                                                jobjectArray inputs) {
    jobjectArray found = nullptr;
    as_java_error(env, [&] {
        env->EnsureLocalCapacity(256);  // some ten references a tensor
        gfnet::Method& method = *module_of(env, self).methods.at(text_of(env, name));
        jclass values = env->FindClass("org/pytorch/executorch/EValue");
        jmethodID to_tensor = env->GetMethodID(values, "toTensor", "()Lorg/pytorch/executorch/Tensor;");
        jmethodID from = env->GetStaticMethodID(
            values, "from", "(Lorg/pytorch/executorch/Tensor;)Lorg/pytorch/executorch/EValue;");
        gfnet::GraphFile file;
        gfnet::Tensors taken, given;
        for (jsize i = 0; i < env->GetArrayLength(inputs); ++i) {
            file.inputs.push_back(std::to_string(i));
            jobject tensor =
                checked(env, env->CallObjectMethod(env->GetObjectArrayElement(inputs, i), to_tensor));
            taken.emplace(file.inputs.back(), tensor_of(env, tensor));
        }
        const auto meta = method.method().method_meta();
        found = env->NewObjectArray(static_cast<jsize>(meta.num_outputs()), values, nullptr);
        for (size_t i = 0; i < meta.num_outputs(); ++i) {
            file.outputs.push_back(std::to_string(i));
            const auto info = meta.output_tensor_meta(i);
            const gfnet::Shape shape(info->sizes().begin(), info->sizes().end());
            gfnet::Tensor output{dtype_of(static_cast<jint>(info->scalar_type())), shape, nullptr};
            jobject tensor = new_tensor(env, output);
            given.emplace(file.outputs.back(), output);
            env->SetObjectArrayElement(found, static_cast<jsize>(i),
                                       checked(env, env->CallStaticObjectMethod(values, from, tensor)));
        }
        gfnet::BoundCall("method", file, method, taken, given)();
    });
    return found;
}

}  // extern "C"
