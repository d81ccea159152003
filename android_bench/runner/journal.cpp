#include "runner/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace gfnet {

namespace {

[[noreturn]] void give_up(const std::string& path, const std::string& what) {
    throw InputError(path + ": " + what + ": " + std::strerror(errno));
}

std::string place_of(const std::string& folder, const std::string& run) {
    Json name = run;
    name_text()(name, "run '" + run + "'");
    return folder + "/" + run + ".jsonl";
}

}  // namespace

Journal::Journal(const std::string& folder, const std::string& run, const Json& header)
    : path_(place_of(folder, run)) {
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) give_up(folder, "cannot be made");
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) give_up(path_, "cannot be written");
    try {
        read(header);
    } catch (...) {
        close(file_);
        throw;
    }
}

Journal::~Journal() { close(file_); }

void Journal::read(const Json& header) {
    std::string text;
    char block[1 << 16];
    ssize_t bytes;
    while ((bytes = ::read(file_, block, sizeof block)) > 0) text.append(block, static_cast<size_t>(bytes));
    if (bytes < 0) give_up(path_, "cannot be read");
    const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    if (whole < text.size() && ftruncate(file_, static_cast<off_t>(whole)) != 0)
        give_up(path_, "cannot be written");
    if (whole == 0) return write({{"header", header}});
    size_t begin = 0;
    while (begin < whole) {
        const size_t end = text.find('\n', begin);
        Json line = parse_json(text.substr(begin, end - begin), path_);
        if (begin > 0) {
            take(line);
        } else if (!line.is_object() || line.value("header", Json()) != header) {
            throw InputError(
                path_ + ": is another measurement of that name (bundle, threads, rounds or warm-up differ)");
        }
        begin = end + 1;
    }
}

void Journal::take(const Json& line) {
    if (line.contains("stretch")) {
        const Json& stretch = line["stretch"];
        if (!conditions_.empty() && conditions_.back()["first"] == stretch["first"])
            conditions_.erase(conditions_.size() - 1);
        conditions_.push_back(stretch);
    } else if (line.value("index", SIZE_MAX) == samples_.size()) {
        samples_.push_back(line);
    } else {
        throw InputError(path_ + ": sample " + std::to_string(samples_.size()) +
                         " is missing; drop it and measure again");
    }
}

void Journal::append(const Sample& sample) {
    Json line = sample.json();
    write(line);
    samples_.push_back(std::move(line));
}

void Journal::append_conditions(const Json& stretch) {
    write({{"stretch", stretch}});
    take({{"stretch", stretch}});
}

void Journal::sync() {
    if (fsync(file_) != 0 && errno != EINVAL) give_up(path_, "cannot be written");
}

void Journal::write(const Json& line) {
    const std::string text = to_text(line) + "\n";
    // one call, so that a line is there whole or cut off at the end of the file
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) give_up(path_, "cannot be written");
}

void Journal::drop(const std::string& folder, const std::string& run) {
    const std::string path = place_of(folder, run);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) give_up(path, "cannot be removed");
}

}  // namespace gfnet
