// Functions of one variable, on vectors. Included by kernels.inc.h alone, once
// per instruction set. No branches; NaN stays NaN.

// e^x for x <= 0; below -87 what it is there (1.6e-38, no denormal). Cody and
// Waite's reduction to 2^n e^r, |r| <= ln(2) / 2, and the Taylor polynomial.
SHOAL_INLINE V ExpNonPositive(V x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;  // few bits: n times it is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 0x1.8p23f;  // adding it leaves n in the low bits
  x = x < -87.0f ? Broadcast(-87.0f) : x;
  const V shifted = x * kLog2E + kRound;
  const V n = shifted - kRound;
  const V r = (x - n * kLn2High) - n * kLn2Low;
  V series = Broadcast(1.0f / 5040);
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const I power = ((I)shifted << 23) + (127 << 23);
  return series * (V)power;
}

SHOAL_INLINE V Magnitude(V x) { return (V)((I)x & 0x7fffffff); }
SHOAL_INLINE V WithSignOf(V magnitude, V sign) {
  return (V)((I)magnitude | ((I)sign & static_cast<int32_t>(0x80000000u)));
}

// 1 / (1 + e^-x).
SHOAL_INLINE V Sigmoid(V x) {
  const V e = ExpNonPositive(-Magnitude(x));
  return (x < 0 ? e : Broadcast(1)) / (1 + e);
}

// Near zero x + x^3 P(x^2), with P interpolated at Chebyshev's points of
// [0, 0.625^2] (1.5e-8 of the result); elsewhere 1 - 2 / (e^2|x| + 1).
SHOAL_INLINE V Tanh(V x) {
  const V magnitude = Magnitude(x);
  const V z = x * x;
  V p = Broadcast(-0.00609671418f);
  p = p * z + 0.0209971797f;
  p = p * z - 0.0538509078f;
  p = p * z + 0.133327693f;
  p = p * z - 0.333333284f;
  const V near = x + x * (z * p);
  const V e = ExpNonPositive(-2 * magnitude);
  const V far = WithSignOf(1 - 2 * e / (1 + e), x);
  return magnitude < 0.625f ? near : far;
}

// The normal distribution function and the bell e^(-x^2 / 2) under it.
struct Normal {
  V probability;
  V bell;
};

// erfc(z) = e^(-z^2) t Q(t), t = 1 / (1 + 0.4 z), with Q interpolated at
// Chebyshev's points of 0 <= z <= 9.5 (4e-9 of the result).
SHOAL_INLINE Normal NormalOf(V x) {
  const V z = 0.707106781f * Magnitude(x);
  const V t = 1 / (1 + 0.4f * z);
  V q = Broadcast(-0.0146921417f);
  q = q * t + 0.0553744026f;
  q = q * t - 0.0172030162f;
  q = q * t - 0.185036093f;
  q = q * t + 0.256412715f;
  q = q * t - 0.105305202f;
  q = q * t + 0.198189035f;
  q = q * t + 0.149826899f;
  q = q * t + 0.211448163f;
  q = q * t + 0.225292802f;
  q = q * t + 0.225692436f;
  const V bell = ExpNonPositive(-0.5f * x * x);
  const V beyond = 0.5f * bell * (t * q);  // the smaller tail
  return {x < 0 ? beyond : 1 - beyond, bell};
}
