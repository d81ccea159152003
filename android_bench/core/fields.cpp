#include "core/fields.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"

namespace gfnet {

void refuse(const std::string& where, const std::string& problem) {
    throw InputError(where.empty() ? problem : where + ": " + problem);
}

Json parse_json(const std::string& text, const std::string& where) {
    try {
        return Json::parse(text);
    } catch (const Json::exception& error) {
        refuse(where, std::string("is no JSON: ") + error.what());
    }
}

std::string to_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Check object(std::vector<Field> fields) {
    return [fields = std::move(fields)](Json& value, const std::string& where) {
        if (!value.is_object()) refuse(where, "must be an object");
        for (const auto& [name, member] : value.items()) {
            const auto is_it = [&name = name](const Field& field) { return name == field.name; };
            if (std::none_of(fields.begin(), fields.end(), is_it))
                refuse(where + "." + name, "unknown field");
        }
        for (const Field& field : fields) {
            const std::string place = where + "." + field.name;
            if (!value.contains(field.name)) {
                if (!field.otherwise) refuse(place, "is missing");
                value[field.name] = *field.otherwise;
            } else {
                field.check(value[field.name], place);
            }
        }
    };
}

Check map_of(Check key, Check value) {
    return [key = std::move(key), value = std::move(value)](Json& map, const std::string& where) {
        if (!map.is_object()) refuse(where, "must be an object");
        for (auto& [name, member] : map.items()) {
            Json name_text = name;
            key(name_text, where);
            value(member, where + "." + name);
        }
    };
}

Check list_of(Check item, size_t least, size_t most) {
    return [=](Json& list, const std::string& where) {
        if (!list.is_array()) refuse(where, "must be a list");
        if (list.size() < least || list.size() > most) refuse(where, "has too few or too many items");
        for (size_t index = 0; index < list.size(); ++index)
            item(list[index], where + "." + std::to_string(index));
    };
}

Check or_null(Check check) {
    return [check = std::move(check)](Json& value, const std::string& where) {
        if (!value.is_null()) check(value, where);
    };
}

Check text() {
    return [](Json& value, const std::string& where) {
        if (!value.is_string()) refuse(where, "must be a text");
    };
}

Check one_of(std::vector<Json> values) {
    return [values = std::move(values)](Json& value, const std::string& where) {
        // 1.0 equals 1, and is no integer
        const bool known = std::find(values.begin(), values.end(), value) != values.end();
        if (known && !value.is_number_float()) return;
        refuse(where, "must be one of " + Json(values).dump(-1, ' ', true));
    };
}

Check integer(int64_t least, int64_t most) {
    return [=](Json& value, const std::string& where) {
        const bool fits =
            value.is_number_integer() &&
            (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
        if (!fits || value.get<int64_t>() < least || value.get<int64_t>() > most) {
            const std::string upper = most == INT64_MAX ? "" : " and at most " + std::to_string(most);
            refuse(where, "must be a whole number, at least " + std::to_string(least) + upper);
        }
    };
}

Check number(double least, double most) {
    return [=](Json& value, const std::string& where) {
        if (!value.is_number() || !(value.get<double>() >= least && value.get<double>() <= most))
            refuse(where, "must be a number from " + Json(least).dump() + " to " + Json(most).dump());
    };
}

Check boolean() {
    return [](Json& value, const std::string& where) {
        if (!value.is_boolean()) refuse(where, "must be true or false");
    };
}

Check sha256_text() {
    return [](Json& value, const std::string& where) {
        const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
        if (value.is_string()) {
            const auto& digits = value.get_ref<const std::string&>();
            if (digits.size() == 64 && std::all_of(digits.begin(), digits.end(), is_hex)) return;
        }
        refuse(where, "must be 64 hexadecimal digits");
    };
}

Check name_text() {
    return [](Json& value, const std::string& where) {
        const auto is_ascii_word = [](unsigned char c) { return c < 0x80 && std::isalnum(c); };
        if (value.is_string()) {
            const auto& name = value.get_ref<const std::string&>();
            const auto allowed = [&](unsigned char c) {
                return is_ascii_word(c) || c == '.' || c == '_' || c == '-';
            };
            if (!name.empty() && name.size() <= 100 && is_ascii_word(static_cast<unsigned char>(name[0])) &&
                std::all_of(name.begin(), name.end(), allowed))
                return;
        }
        refuse(where, "must be a name of letters, digits, '.', '_' and '-'");
    };
}

Check path_text() {
    return [](Json& value, const std::string& where) {
        if (!value.is_string()) refuse(where, "must be a text");
        const auto& path = value.get_ref<const std::string&>();
        const auto odd = [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\' || c == ':'; };
        if (std::any_of(path.begin(), path.end(), odd))
            refuse(where, "has characters that not every system takes");
        size_t begin = 0;
        while (true) {
            const size_t end = path.find('/', begin);
            const std::string part = path.substr(begin, end == std::string::npos ? end : end - begin);
            if (part.empty() || part == "." || part == "..")
                refuse(where, "path '" + path + "' leaves the bundle");
            if (end == std::string::npos) return;
            begin = end + 1;
        }
    };
}

}  // namespace gfnet
