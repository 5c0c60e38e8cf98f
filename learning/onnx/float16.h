// IEEE 754 half precision, by its bits.
#ifndef SHOAL_LEARNING_ONNX_FLOAT16_H_
#define SHOAL_LEARNING_ONNX_FLOAT16_H_

#include <cstdint>

namespace shoal::learning::onnx {

inline constexpr float kMaxFloat16 = 65504;

// Rounded to the nearest, ties to even; infinite from 65520 on.
uint16_t ToFloat16(float value);
float FromFloat16(uint16_t bits);  // exact

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_FLOAT16_H_
