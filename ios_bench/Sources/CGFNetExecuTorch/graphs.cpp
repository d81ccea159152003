#include "core/graphs.h"

#include "core/complaint.h"
#include "include/gfnet_executorch.h"

using gfnet::complaint_of;

struct gfnet_graphs {
    gfnet::Graphs graphs;
};

struct gfnet_call {
    gfnet::BoundCall call;
};

namespace {

static_assert(gfnet_float32 == static_cast<int>(gfnet::Dtype::kFloat32) &&
              gfnet_float16 == static_cast<int>(gfnet::Dtype::kFloat16) &&
              gfnet_int32 == static_cast<int>(gfnet::Dtype::kInt32) &&
              gfnet_uint8 == static_cast<int>(gfnet::Dtype::kUint8));

gfnet::Tensors tensors_of(const gfnet_tensor* given, size_t count) {
    gfnet::Tensors tensors;
    for (const gfnet_tensor* one = given; one != given + count; ++one) {
        tensors[one->name] = {static_cast<gfnet::Dtype>(one->dtype),
                              gfnet::Shape(one->shape, one->shape + one->rank), one->data};
    }
    return tensors;
}

}  // namespace

char* gfnet_graphs_open(const char* bundle, int threads, gfnet_graphs** graphs) {
    return complaint_of([&] {
        *graphs = new gfnet_graphs{gfnet::Graphs(gfnet::open_bundle(bundle, gfnet::kTarget), threads)};
    });
}

void gfnet_graphs_close(gfnet_graphs* graphs) { delete graphs; }

char* gfnet_call_bind(gfnet_graphs* graphs, const char* graph, const gfnet_tensor* inputs, size_t input_count,
                      const gfnet_tensor* outputs, size_t output_count, gfnet_call** call) {
    return complaint_of([&] {
        *call = new gfnet_call{
            graphs->graphs.bind(graph, tensors_of(inputs, input_count), tensors_of(outputs, output_count))};
    });
}

char* gfnet_call_run(gfnet_call* call) {
    return complaint_of([&] { call->call(); });
}

void gfnet_call_close(gfnet_call* call) { delete call; }

const char* gfnet_executorch_version() { return gfnet::Graphs::runtime_version(); }
