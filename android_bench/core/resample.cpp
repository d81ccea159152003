#include "core/resample.h"

#include <algorithm>
#include <cmath>

namespace gfnet {
namespace {

constexpr int kFraction = 32 - 8 - 2;  // 8 bits of grey, 2 for sums below 0 and above 255
constexpr int32_t kHalf = 1 << (kFraction - 1);

uint8_t round_to_8_bits(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kFraction, 0, 255)); }

double bilinear(double x) { return std::max(1.0 - std::abs(x), 0.0); }

double bicubic(double x) {
    constexpr double kSharpness = -0.5;
    x = std::abs(x);
    if (x < 1.0) return ((kSharpness + 2.0) * x - (kSharpness + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kSharpness;
    return 0.0;
}

int32_t to_fixed_point(double weight) {
    return static_cast<int32_t>(weight * (1 << kFraction) + (weight < 0.0 ? -0.5 : 0.5));
}

// The input pixels that any output needs: the first, and one past the last.
struct Range {
    int first;
    int last;
};

Range needed(const Axis& axis) {
    Range range{axis.windows.front().first, 0};
    for (const Axis::Window& window : axis.windows) {
        range.first = std::min(range.first, window.first);
        range.last = std::max(range.last, window.first + window.count);
    }
    return range;
}

// `rows` rows to [rows, outputs, 3]. Input pixel `origin` of the axis is the first of a row.
std::vector<uint8_t> resample_across(const uint8_t* pixels, size_t row_bytes, int rows, const Axis& axis,
                                     int origin) {
    size_t outputs = axis.windows.size();
    std::vector<uint8_t> result(static_cast<size_t>(rows) * outputs * 3);
    uint8_t* out = result.data();
    for (int y = 0; y < rows; ++y) {
        const uint8_t* row = pixels + static_cast<size_t>(y) * row_bytes;
        for (size_t i = 0; i < outputs; ++i, out += 3) {
            auto [first, count] = axis.windows[i];
            const int32_t* weights = axis.weights.data() + i * axis.stride;
            const uint8_t* in = row + static_cast<size_t>(first - origin) * 3;
            int32_t red = kHalf, green = kHalf, blue = kHalf;
            for (int k = 0; k < count; ++k) {
                red += in[3 * k] * weights[k];
                green += in[3 * k + 1] * weights[k];
                blue += in[3 * k + 2] * weights[k];
            }
            out[0] = round_to_8_bits(red);
            out[1] = round_to_8_bits(green);
            out[2] = round_to_8_bits(blue);
        }
    }
    return result;
}

// Rows of `row_values` numbers to [outputs, row_values]. Input row `origin` of the axis is the first.
std::vector<uint8_t> resample_down(const uint8_t* pixels, size_t row_bytes, size_t row_values,
                                   const Axis& axis, int origin) {
    constexpr size_t kBlock = 256;  // sums that stay in the nearest cache
    size_t outputs = axis.windows.size();
    std::vector<uint8_t> result(outputs * row_values);
    int32_t sums[kBlock];
    for (size_t i = 0; i < outputs; ++i) {
        auto [first, count] = axis.windows[i];
        const int32_t* weights = axis.weights.data() + i * axis.stride;
        const uint8_t* rows = pixels + static_cast<size_t>(first - origin) * row_bytes;
        for (size_t start = 0; start < row_values; start += kBlock) {
            size_t values = std::min(kBlock, row_values - start);
            std::fill_n(sums, values, kHalf);
            for (int k = 0; k < count; ++k) {
                const uint8_t* in = rows + static_cast<size_t>(k) * row_bytes + start;
                for (size_t x = 0; x < values; ++x) sums[x] += in[x] * weights[k];
            }
            uint8_t* out = result.data() + i * row_values + start;
            for (size_t x = 0; x < values; ++x) out[x] = round_to_8_bits(sums[x]);
        }
    }
    return result;
}

}  // namespace

Axis make_axis(int input, int output, int from, int count, Filter filter) {
    if (input == output) {  // Pillow leaves such a side alone
        Axis same{{}, std::vector<int32_t>(static_cast<size_t>(count), 1 << kFraction), 1};
        for (int i = 0; i < count; ++i) same.windows.push_back({from + i, 1});
        return same;
    }
    double scale = static_cast<double>(input) / output;
    double stretch = std::max(scale, 1.0);
    double reach = (filter == Filter::kBilinear ? 1.0 : 2.0) * stretch;
    double inverse = 1.0 / stretch;

    Axis axis{{}, {}, static_cast<size_t>(std::ceil(reach)) * 2 + 1};
    axis.weights.resize(static_cast<size_t>(count) * axis.stride);
    std::vector<double> window(axis.stride);
    for (int i = 0; i < count; ++i) {
        double centre = (from + i + 0.5) * scale;
        int first = std::max(static_cast<int>(centre - reach + 0.5), 0);
        int taps = std::min(static_cast<int>(centre + reach + 0.5), input) - first;
        double sum = 0.0;
        for (int k = 0; k < taps; ++k) {
            double x = (k + first - centre + 0.5) * inverse;
            window[static_cast<size_t>(k)] = filter == Filter::kBilinear ? bilinear(x) : bicubic(x);
            sum += window[static_cast<size_t>(k)];
        }
        int32_t* weights = axis.weights.data() + static_cast<size_t>(i) * axis.stride;
        for (int k = 0; k < taps; ++k) {
            double weight = window[static_cast<size_t>(k)];
            weights[k] = to_fixed_point(sum != 0.0 ? weight / sum : weight);
        }
        axis.windows.push_back({first, taps});
    }
    return axis;
}

void reverse_input(Axis& axis, int input) {
    for (size_t i = 0; i < axis.windows.size(); ++i) {
        Axis::Window& window = axis.windows[i];
        window.first = input - window.first - window.count;
        int32_t* weights = axis.weights.data() + i * axis.stride;
        std::reverse(weights, weights + window.count);
    }
}

std::vector<uint8_t> resample(const uint8_t* pixels, size_t row_bytes, const Axis& down, const Axis& across,
                              bool down_first) {
    Range rows = needed(down), columns = needed(across);
    const uint8_t* first_row = pixels + static_cast<size_t>(rows.first) * row_bytes;
    if (down_first) {
        size_t row_values = static_cast<size_t>(columns.last - columns.first) * 3;
        const uint8_t* corner = first_row + static_cast<size_t>(columns.first) * 3;
        std::vector<uint8_t> middle = resample_down(corner, row_bytes, row_values, down, rows.first);
        return resample_across(middle.data(), row_values, static_cast<int>(down.windows.size()), across,
                               columns.first);
    }
    std::vector<uint8_t> middle = resample_across(first_row, row_bytes, rows.last - rows.first, across, 0);
    size_t row_values = across.windows.size() * 3;
    return resample_down(middle.data(), row_values, row_values, down, rows.first);
}

}  // namespace gfnet
