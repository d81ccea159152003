#include "core/error.h"

namespace gfnet {

namespace {
constexpr size_t kLongest = 600;
}

std::string one_line(const std::string& text) {
    std::string line;
    for (unsigned char letter : text) {
        const bool printable = letter > 0x20 && letter != 0x7f;
        if (printable) {
            line += static_cast<char>(letter);
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (line.size() <= kLongest) return line;
    size_t end = kLongest - 3;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80)
        --end;  // not within a UTF-8 letter
    return line.substr(0, end) + "...";
}

}  // namespace gfnet
