// Answers as JSON, the same on the wire and on the command line.
#pragma once

#include "core/session.h"
#include "core/verify.h"
#include "runner/wire.h"

namespace gfnet {

// index, label, confidence, position, patch_size, elapsed_ms
Json step_report(const Step& step);
// logits and probabilities, float32 [K]
NamedTensors step_tensors(const Step& step);
// ok, rows, agreement
Json verify_report(const Report& report);

}  // namespace gfnet
