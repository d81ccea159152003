// What a JSON value must be, said once: a check looks at a value, puts in what was left out, and throws
// InputError with the place of what is wrong. As strict as the Python side: no unknown members, no number for
// a text.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace gfnet {

using Json = nlohmann::json;
using Check = std::function<void(Json& value, const std::string& where)>;

struct Field {
    const char* name;
    Check check;
    std::optional<Json> otherwise = std::nullopt;  // the value where it is left out; none: it must be there
};

[[noreturn]] void refuse(const std::string& where, const std::string& problem);

// Parsed JSON. Throws InputError for anything else, `where` in front.
Json parse_json(const std::string& text, const std::string& where);

// One line of UTF-8, whatever bytes the texts inside hold.
std::string to_text(const Json& value);

Check object(std::vector<Field> fields);
Check map_of(Check key, Check value);
Check list_of(Check item, size_t least = 0, size_t most = SIZE_MAX);
Check or_null(Check check);
Check text();
Check one_of(std::vector<Json> values);
Check integer(int64_t least, int64_t most = INT64_MAX);
Check number(double least, double most);
Check boolean();
// 64 hexadecimal digits, in small letters
Check sha256_text();
// letters, digits, '.', '_' and '-', at most 100; the first is a letter or a digit
Check name_text();
// a file's place inside a bundle: relative, with '/', going nowhere else
Check path_text();

}  // namespace gfnet
