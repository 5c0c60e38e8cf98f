// What a model is made of, as it is declared in a task.
//
// Well-known shapes have a shorthand each; everything else is a list of layers.
// ExpandModel (learning/expand_model.h) turns both into one list.
#ifndef SHOAL_LEARNING_MODEL_SPEC_H_
#define SHOAL_LEARNING_MODEL_SPEC_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace shoal::learning {

// Bounds of every model, so that a specification from a peer cannot ask for
// more memory than a device or a coordinator could ever have.
inline constexpr int kMaxLayerWidth = 1 << 20;
inline constexpr int kMaxLayers = 256;
inline constexpr int kMaxResidualDepth = 4;
inline constexpr int64_t kMaxParameters = int64_t{1} << 30;
inline constexpr int64_t kMaxValuesPerExample = int64_t{1} << 26;

// Numbers of enumerations are those of the wire (shoal/v1/model.proto) and of
// model_spec_bytes.h: never reuse one.
enum class ActivationKind {
  kNone = 1,
  kRelu = 2,
  kGelu = 3,
  kTanh = 4,
  kSigmoid = 5,
};

// Windows: `same` gives ceil(size / stride) outputs with zeros around the
// input (the odd one behind); `valid` stays inside.
enum class Padding { kSame = 1, kValid = 2 };

// y = activation(x W + b), on the last dimension: a sequence is treated
// position by position.
struct DenseSpec {
  int units = 0;  // >= 1
  ActivationKind activation = ActivationKind::kNone;
  bool bias = true;
  friend bool operator==(const DenseSpec&, const DenseSpec&) = default;
};

// On images [height, width, channels].
struct Conv2dSpec {
  int filters = 0;  // >= 1
  int kernel = 3;   // square, >= 1
  int stride = 1;
  Padding padding = Padding::kSame;
  ActivationKind activation = ActivationKind::kNone;
  bool bias = true;
  friend bool operator==(const Conv2dSpec&, const Conv2dSpec&) = default;
};

// On sequences [length, channels].
struct Conv1dSpec {
  int filters = 0;
  int kernel = 3;
  int stride = 1;
  Padding padding = Padding::kSame;
  ActivationKind activation = ActivationKind::kNone;
  bool bias = true;
  friend bool operator==(const Conv1dSpec&, const Conv1dSpec&) = default;
};

// One filter per channel, on images or sequences.
struct DepthwiseConvSpec {
  int kernel = 3;
  int stride = 1;
  Padding padding = Padding::kSame;
  ActivationKind activation = ActivationKind::kNone;
  bool bias = true;
  friend bool operator==(const DepthwiseConvSpec&,
                         const DepthwiseConvSpec&) = default;
};

enum class PoolKind { kMax, kAverage };

// On images or sequences; average: over the part inside the input.
struct PoolSpec {
  PoolKind kind = PoolKind::kMax;
  int size = 2;    // 1 to 15
  int stride = 0;  // 0: the size
  Padding padding = Padding::kValid;
  friend bool operator==(const PoolSpec&, const PoolSpec&) = default;
};

// The mean over all positions of an image or sequence: [channels].
struct GlobalAveragePoolSpec {
  friend bool operator==(const GlobalAveragePoolSpec&,
                         const GlobalAveragePoolSpec&) = default;
};

struct FlattenSpec {
  friend bool operator==(const FlattenSpec&, const FlattenSpec&) = default;
};

// Token numbers [length] (floats that hold integers in [0, vocabulary)) to
// vectors [length, dimensions].
struct EmbeddingSpec {
  int vocabulary = 0;
  int dimensions = 0;
  friend bool operator==(const EmbeddingSpec&, const EmbeddingSpec&) = default;
};

// Gated recurrent unit (Cho et al. 2014, in the form with the reset gate after
// the recurrent product, as cuDNN, PyTorch and ONNX's linear_before_reset):
//   z = sigmoid(x Wz + bz + h Uz + cz),  r = sigmoid(x Wr + br + h Ur + cr)
//   n = tanh(x Wn + bn + r * (h Un + cn)),  h' = (1 - z) * n + z * h
// On sequences [length, channels]; starts from h = 0.
struct GruSpec {
  int units = 0;
  bool return_sequences = true;  // otherwise only the last state, [units]
  friend bool operator==(const GruSpec&, const GruSpec&) = default;
};

// Over the last dimension (Ba et al. 2016).
struct LayerNormSpec {
  double epsilon = 1e-5;
  friend bool operator==(const LayerNormSpec&, const LayerNormSpec&) = default;
};

// Wu and He 2018; `groups` divides the channels.
struct GroupNormSpec {
  int groups = 1;
  double epsilon = 1e-5;
  friend bool operator==(const GroupNormSpec&, const GroupNormSpec&) = default;
};

// Ioffe and Szegedy 2015. Its statistics and scales stay on the device (FedBN:
// Li et al. 2021), whatever `is_private` says; unless it is frozen: then it has
// nothing of the device's own, and normalises by the statistics that came with
// the model.
struct BatchNormSpec {
  double epsilon = 1e-5;
  double momentum = 0.1;  // weight of the batch in the running statistics
  friend bool operator==(const BatchNormSpec&, const BatchNormSpec&) = default;
};

// Zeroes values with probability `rate` in training and scales the others by
// 1 / (1 - rate).
struct DropoutSpec {
  double rate = 0.5;  // [0, 1)
  friend bool operator==(const DropoutSpec&, const DropoutSpec&) = default;
};

struct ActivationSpec {
  ActivationKind kind = ActivationKind::kRelu;
  friend bool operator==(const ActivationSpec&,
                         const ActivationSpec&) = default;
};

struct LayerSpec;

// y = body(x) + shortcut(x); an empty shortcut is x itself. Both must end in
// the same shape.
struct ResidualSpec {
  std::vector<LayerSpec> body;
  std::vector<LayerSpec> shortcut;
  friend bool operator==(const ResidualSpec&, const ResidualSpec&);
};

struct LayerSpec {
  std::variant<DenseSpec, Conv2dSpec, Conv1dSpec, DepthwiseConvSpec, PoolSpec,
               GlobalAveragePoolSpec, FlattenSpec, EmbeddingSpec, GruSpec,
               LayerNormSpec, GroupNormSpec, BatchNormSpec, DropoutSpec,
               ActivationSpec, ResidualSpec>
      kind;
  // Names its tensors, [a-z0-9_]+; empty: the kind and a counter ("dense1").
  std::string name = {};
  bool frozen = false;      // never trained
  bool is_private = false;  // trained, but never leaves the device
  friend bool operator==(const LayerSpec&, const LayerSpec&) = default;
};

inline bool operator==(const ResidualSpec& a, const ResidualSpec& b) {
  return a.body == b.body && a.shortcut == b.shortcut;
}

// Multinomial logistic regression: softmax(x W + b).
struct LogisticSpec {
  int inputs = 0;   // >= 1
  int outputs = 0;  // >= 2
  friend bool operator==(const LogisticSpec&, const LogisticSpec&) = default;
};

// Linear regression x W + b on mean squared error.
struct LinearSpec {
  int inputs = 0;
  int outputs = 1;
  friend bool operator==(const LinearSpec&, const LinearSpec&) = default;
};

// Fully connected layers with ReLU between them, softmax at the end.
struct MlpSpec {
  int inputs = 0;           // >= 1
  std::vector<int> hidden;  // each >= 1; empty means logistic
  int outputs = 0;          // >= 2
  friend bool operator==(const MlpSpec&, const MlpSpec&) = default;
};

// Convolutional networks that users know by name; ReLU throughout.
enum class CnnPreset {
  // 5×5×6 (same), pool, 5×5×16 (valid), pool, 120, 84: LeCun et al. 1998 with
  // ReLU and max pooling.
  kLenet = 1,
  // 5×5×32, pool, 5×5×64, pool, 512: McMahan et al. 2017.
  kMcmahan = 2,
  // Depthwise-separable blocks (Howard et al. 2017) for 28 to 32 pixels.
  kMobile = 3,
  // Depthwise-separable, for spectrograms of keywords and sensors (Zhang et
  // al. 2017, "Hello Edge": DS-CNN).
  kSpectrogram = 4,
  // One-dimensional, for windows of accelerometers and the like.
  kSensor = 5,
};

struct CnnSpec {
  CnnPreset preset = CnnPreset::kLenet;
  // Image [height, width, channels] or, for kSensor, [length, channels].
  std::vector<int> input;
  int outputs = 0;
  friend bool operator==(const CnnSpec&, const CnnSpec&) = default;
};

// Predicts the next token at every position: embedding, GRU, dense.
struct GruLanguageModelSpec {
  int vocabulary = 0;
  int length = 0;  // tokens of an example
  int embedding = 32;
  int units = 128;
  friend bool operator==(const GruLanguageModelSpec&,
                         const GruLanguageModelSpec&) = default;
};

// Reconstructs its input through narrowing ReLU layers and their mirror image,
// on mean squared error.
struct AutoencoderSpec {
  int inputs = 0;
  std::vector<int> hidden;  // the last is the code
  friend bool operator==(const AutoencoderSpec&,
                         const AutoencoderSpec&) = default;
};

enum class Loss {
  kSoftmaxCrossEntropy = 1,
  kMeanSquaredError = 2,
  kBinaryCrossEntropy = 3,
};

// What the loss compares the outputs with.
enum class Target {
  kLabels = 1,  // class numbers: of the example or, for sequences, per position
  kValues = 2,  // numbers, as many as outputs
  kInput = 3,   // the (preprocessed) input itself
};

struct LayerListSpec {
  std::vector<int> input;  // [n], [length, channels], [height, width, channels]
  std::vector<LayerSpec> layers;
  Loss loss = Loss::kSoftmaxCrossEntropy;
  Target target = Target::kLabels;
  friend bool operator==(const LayerListSpec&, const LayerListSpec&) = default;
};

// Values that only a product's own trainer understands
// (client/include/shoal/trainer.h): they are averaged and stored, and nothing
// here computes with them.
struct ExternalSpec {
  int parameters = 0;  // >= 1
  int classes = 0;     // that it tells apart; 0: it has no accuracy
  friend bool operator==(const ExternalSpec&, const ExternalSpec&) = default;
};

// What happens to features before the first layer, in this order. It belongs
// to the model: training, prediction and export do the same. The statistics
// (per feature of a vector, per channel of images and sequences) are tensors
// of the model that training does not move.
struct PreprocessingSpec {
  bool standardise = false;  // (x - mean) / deviation
  bool impute = false;       // NaN becomes the mean
  bool mask = false;  // with impute, vectors only: appends 1 where x was NaN
  double clip = 0;    // > 0: to [-clip, clip]
  bool any() const { return standardise || impute || clip > 0; }
  // Of the features: a model cannot start without (learning/initial_model.h).
  bool needs_statistics() const { return standardise || impute; }
  friend bool operator==(const PreprocessingSpec&,
                         const PreprocessingSpec&) = default;
};

struct ModelSpec {
  std::variant<LogisticSpec, MlpSpec, LinearSpec, CnnSpec, GruLanguageModelSpec,
               AutoencoderSpec, LayerListSpec, ExternalSpec>
      architecture;
  PreprocessingSpec preprocessing = {};

  // One line that names it: "mlp 784-200-200-10", "cnn lenet 28x28x1-10".
  std::string ToString() const;
  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MODEL_SPEC_H_
