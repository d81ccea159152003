// A measurement's samples on disk: JSON lines, only ever appended to, so that a process that dies loses none
// that it had taken. The first line says what is measured; then samples, and the conditions of each stretch.
#pragma once

#include <string>
#include <vector>

#include "runner/bench.h"

namespace gfnet {

class Journal {
  public:
    // Opens or begins `folder/run.jsonl`. A last line that was cut off is removed. Throws InputError if the
    // file holds another measurement (`header`), or cannot be written.
    Journal(const std::string& folder, const std::string& run, const Json& header);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    // {"index", "what", "ms", …} of each, from number 0 on
    const std::vector<Json>& samples() const { return samples_; }
    const Json& conditions() const { return conditions_; }

    // On its way to the disk when this returns.
    void append(const Sample& sample);
    // A stretch without interruption: {"first", "start", "end"}. A later one of the same `first` replaces it.
    void append_conditions(const Json& stretch);
    // On the disk when this returns.
    void sync();

    static void drop(const std::string& folder, const std::string& run);

  private:
    void read(const Json& header);
    void take(const Json& line);
    void write(const Json& line);

    std::string path_;
    int file_;
    std::vector<Json> samples_;
    Json conditions_ = Json::array();
};

}  // namespace gfnet
