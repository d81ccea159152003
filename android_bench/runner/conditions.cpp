#include "runner/conditions.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#ifdef __ANDROID__
#include <dlfcn.h>
#include <sys/system_properties.h>
#endif

namespace gfnet {

namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

#ifdef __ANDROID__

std::string property(const char* name) {
    char value[PROP_VALUE_MAX] = "";
    __system_property_get(name, value);
    return value;
}

std::string model() { return property("ro.product.manufacturer") + " " + property("ro.product.model"); }

std::string system_name() {
    return "Android " + property("ro.build.version.release") + " (" + property("ro.build.fingerprint") + ")";
}

// Of the NDK's thermal.h, from Android 11 on; looked up, so that older systems can start the program.
std::string thermal() {
    static void* library = dlopen("libandroid.so", RTLD_NOW);
    if (!library) return "unknown";
    const auto acquire = reinterpret_cast<void* (*)()>(dlsym(library, "AThermal_acquireManager"));
    const auto status = reinterpret_cast<int (*)(void*)>(dlsym(library, "AThermal_getCurrentThermalStatus"));
    if (!acquire || !status) return "unknown";
    static void* manager = acquire();
    static const char* const kNames[] = {"none",     "light",     "moderate", "severe",
                                         "critical", "emergency", "shutdown"};
    const int found = manager ? status(manager) : -1;
    return found >= 0 && found < 7 ? kNames[found] : "unknown";
}

#else

std::string model() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
    }
    return first_line("/sys/firmware/devicetree/base/model");
}

std::string system_name() {
    utsname names = {};
    uname(&names);
    return std::string(names.sysname) + " " + names.release;
}

std::string thermal() { return "unknown"; }

#endif

std::string abi() {
#if defined(__aarch64__)
    return "arm64-v8a";
#elif defined(__x86_64__)
    return "x86_64";
#elif defined(__arm__)
    return "armeabi-v7a";
#else
    return "unknown";
#endif
}

std::string cpu_file(unsigned core, const std::string& name) {
    return first_line("/sys/devices/system/cpu/cpu" + std::to_string(core) + "/cpufreq/" + name);
}

}  // namespace

Json device_facts() {
    const std::string name = model();
    return {{"model", name.empty() ? "unknown" : name},
            {"os", system_name()},
            {"abi", abi()},
            {"cores", std::max(1u, std::thread::hardware_concurrency())}};
}

Json conditions() {
    Json frequencies = Json::array();
    for (unsigned core = 0; core < std::max(1u, std::thread::hardware_concurrency()); ++core) {
        const std::string kilohertz = cpu_file(core, "scaling_cur_freq");
        if (!kilohertz.empty()) frequencies.push_back(std::atof(kilohertz.c_str()) / 1000);
    }
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    const std::string load = first_line("/proc/loadavg");
    return {{"thermal", thermal()},
            {"frequencies_mhz", frequencies},
            {"governor", or_null(cpu_file(0, "scaling_governor"))},
            {"peak_memory_bytes", static_cast<int64_t>(usage.ru_maxrss) * 1024},
            {"load_average", load.empty() ? Json() : Json(std::atof(load.c_str()))}};
}

}  // namespace gfnet
