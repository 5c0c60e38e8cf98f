// Steps of optimisers. Included by kernels.inc.h alone, once per instruction
// set.

SHOAL_INLINE bool IsPlain(const FusedSgd& sgd) {
  return sgd.momentum == 0 && sgd.weight_decay == 0 && sgd.proximal_mu == 0;
}

void SgdStep(const FusedSgd& sgd, int64_t offset, const float* gradient,
             int64_t size) {
  const FusedSgd s = sgd;
  float* const parameters = s.parameters + offset;
  if (IsPlain(s)) {
    ForVectors(size, [=](int64_t i, auto part) {
      const V w = Load(parameters + i, part);
      Store(parameters + i, w - s.learning_rate * Load(gradient + i, part),
            part);
    });
    return;
  }
  ForVectors(size, [=](int64_t i, auto part) {
    const V w = Load(parameters + i, part);
    V g = Load(gradient + i, part) + s.weight_decay * w;
    if (s.proximal_mu != 0) {
      g += s.proximal_mu * (w - Load(s.anchor + offset + i, part));
    }
    if (s.momentum != 0) {
      float* const velocity = s.velocity + offset + i;
      const V v = s.momentum * Load(velocity, part) + g;
      Store(velocity, v, part);
      g = s.nesterov ? g + s.momentum * v : v;
    }
    Store(parameters + i, w - s.learning_rate * g, part);
  });
}

void AdamStep(const FusedAdam& adam, int64_t offset, const float* gradient,
              int64_t size) {
  const FusedAdam s = adam;
  float* const parameters = s.parameters + offset;
  float* const first_moment = s.first_moment + offset;
  float* const second_moment = s.second_moment + offset;
  ForVectors(size, [=](int64_t i, auto part) {
    const V w = Load(parameters + i, part);
    V g = Load(gradient + i, part) + s.weight_decay * w;
    if (s.proximal_mu != 0) {
      g += s.proximal_mu * (w - Load(s.anchor + offset + i, part));
    }
    const V m = Load(first_moment + i, part);
    const V v = Load(second_moment + i, part);
    const V new_m = s.beta1 * m + (1 - s.beta1) * g;
    const V new_v = s.beta2 * v + (1 - s.beta2) * (g * g);
    Store(first_moment + i, new_m, part);
    Store(second_moment + i, new_v, part);
    const V direction = new_m / (SquareRoot(new_v) + s.epsilon);
    Store(parameters + i,
          w - s.decoupled_weight_decay * w - s.learning_rate * direction, part);
  });
}
