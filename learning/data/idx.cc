#include "learning/data/idx.h"

#include <cstdint>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"
#include "learning/data/row_file.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

constexpr uint32_t kLabelMagic = 2049;  // unsigned bytes, one dimension
constexpr uint32_t kImageMagic = 2051;  // unsigned bytes, three dimensions
constexpr uint32_t kMaxExamples = 1 << 24;
constexpr uint32_t kMaxSide = 1024;  // pixels

// What one of the data sets has in its files.
struct IdxLayout {
  std::string train_prefix = "train";
  std::string test_prefix = "t10k";
  int num_classes = 10;
  int first_label = 0;
  bool transposed = false;  // images lie on their side
};

// Images and labels of one half.
struct IdxPart {
  RowFile images;
  uint32_t height = 0;
  uint32_t width = 0;
  std::vector<int32_t> labels;
};

// Of EMNIST.
struct Split {
  absl::string_view name;
  int num_classes;
  int first_label;
};
constexpr Split kSplits[] = {{"byclass", 62, 0},  {"bymerge", 47, 0},
                             {"balanced", 47, 0}, {"letters", 26, 1},
                             {"digits", 10, 0},   {"mnist", 10, 0}};

// `name`, or `name`.gz where only that is there.
absl::StatusOr<std::string> FindFile(const std::string& folder,
                                     const std::string& name) {
  for (const std::string& candidate : {name, absl::StrCat(name, ".gz")}) {
    std::error_code ignored;  // what cannot be looked up is not there
    if (std::filesystem::exists(absl::StrCat(folder, "/", candidate),
                                ignored)) {
      return candidate;
    }
  }
  return absl::NotFoundError(
      absl::StrCat(folder, ": neither ", name, " nor ", name, ".gz is there"));
}

absl::StatusOr<uint32_t> ReadBigEndian(InputFile& file) {
  unsigned char bytes[4];
  SHOAL_RETURN_IF_ERROR(file.Read(
      absl::MakeSpan(reinterpret_cast<char*>(bytes), 4), "the header"));
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
         uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

absl::Status ExpectMagic(InputFile& file, uint32_t expected) {
  SHOAL_ASSIGN_OR_RETURN(const uint32_t found, ReadBigEndian(file));
  if (found == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      file.path(), ": magic number ", found, ", expected ", expected,
      expected == kImageMagic ? " (IDX images)" : " (IDX labels)"));
}

// A number of the header, in [1, maximum].
absl::StatusOr<uint32_t> ReadSize(InputFile& file, absl::string_view what,
                                  uint32_t maximum) {
  SHOAL_ASSIGN_OR_RETURN(const uint32_t size, ReadBigEndian(file));
  if (size >= 1 && size <= maximum) return size;
  return absl::DataLossError(absl::StrCat(file.path(), ": ", size, " ", what,
                                          ", expected 1 to ", maximum));
}

absl::StatusOr<std::vector<int32_t>> ReadLabels(const std::string& path,
                                                const IdxLayout& layout) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  SHOAL_RETURN_IF_ERROR(ExpectMagic(file, kLabelMagic));
  SHOAL_ASSIGN_OR_RETURN(const uint32_t count,
                         ReadSize(file, "labels", kMaxExamples));
  std::vector<char> bytes(count);
  SHOAL_RETURN_IF_ERROR(file.Read(absl::MakeSpan(bytes), "the labels"));
  SHOAL_RETURN_IF_ERROR(file.ExpectEnd());
  std::vector<int32_t> labels(count);
  for (uint32_t i = 0; i < count; ++i) {
    const int stored = static_cast<unsigned char>(bytes[i]);
    labels[i] = stored - layout.first_label;
    if (labels[i] < 0 || labels[i] >= layout.num_classes) {
      return absl::DataLossError(
          absl::StrCat(path, ": label ", stored, " of example ", i,
                       ", expected ", layout.first_label, " to ",
                       layout.first_label + layout.num_classes - 1));
    }
  }
  return labels;
}

absl::StatusOr<IdxPart> OpenPart(const std::string& folder,
                                 const std::string& prefix,
                                 const IdxLayout& layout) {
  SHOAL_ASSIGN_OR_RETURN(const std::string images,
                         FindFile(folder, prefix + "-images-idx3-ubyte"));
  SHOAL_ASSIGN_OR_RETURN(const std::string labels,
                         FindFile(folder, prefix + "-labels-idx1-ubyte"));
  SHOAL_RETURN_IF_ERROR(CheckSha256Sums(folder, {images, labels}));
  IdxPart part;
  SHOAL_ASSIGN_OR_RETURN(part.labels,
                         ReadLabels(absl::StrCat(folder, "/", labels), layout));
  part.images.path = absl::StrCat(folder, "/", images);
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(part.images.path));
  SHOAL_RETURN_IF_ERROR(ExpectMagic(file, kImageMagic));
  SHOAL_ASSIGN_OR_RETURN(const uint32_t count,
                         ReadSize(file, "images", kMaxExamples));
  SHOAL_ASSIGN_OR_RETURN(part.height, ReadSize(file, "rows", kMaxSide));
  SHOAL_ASSIGN_OR_RETURN(part.width, ReadSize(file, "columns", kMaxSide));
  if (count != part.labels.size()) {
    return absl::DataLossError(absl::StrCat(part.images.path, ": ", count,
                                            " images, but ", labels, " has ",
                                            part.labels.size(), " labels"));
  }
  part.images.header_bytes = 16;
  part.images.num_rows = count;
  part.images.row_bytes = int64_t{part.height} * part.width;
  SHOAL_RETURN_IF_ERROR(CheckSize(part.images));
  return part;
}

class IdxPool final : public ExamplePool {
 public:
  IdxPool(IdxPart train, IdxPart test, const IdxLayout& layout)
      : train_images_(train.images),
        train_labels_(std::move(train.labels)),
        test_images_(test.images),
        test_labels_(std::move(test.labels)),
        transposed_(layout.transposed) {
    shape_.num_features = static_cast<int>(train.images.row_bytes);
    shape_.num_classes = layout.num_classes;
    shape_.image = {static_cast<int>(train.height),
                    static_cast<int>(train.width), 1};
    if (transposed_) std::swap(shape_.image[0], shape_.image[1]);
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(train_labels_); }
  absl::Span<const int32_t> groups() const override { return train_labels_; }
  absl::Span<const int32_t> owners() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    return LoadRows(train_images_, train_labels_, examples);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    std::vector<int64_t> all(test_labels_.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    return LoadRows(test_images_, test_labels_, all);
  }

 private:
  absl::StatusOr<std::unique_ptr<Dataset>> LoadRows(
      const SharedRows& images, const std::vector<int32_t>& all_labels,
      absl::Span<const int64_t> rows) const {
    const int height = shape_.image[0], width = shape_.image[1];
    // From one row or column of the upright image to the next, in the file.
    const int down = transposed_ ? 1 : width;
    const int right = transposed_ ? height : 1;
    std::vector<float> features(rows.size() * shape_.num_features);
    std::vector<int32_t> labels(rows.size());
    float* out = features.data();
    SHOAL_RETURN_IF_ERROR(
        images.ForEach(rows, [&](size_t i, absl::Span<const char> pixels) {
          for (int y = 0; y < height; ++y) {
            const char* pixel = pixels.data() + y * down;
            for (int x = 0; x < width; ++x, pixel += right) {
              *out++ = static_cast<unsigned char>(*pixel) / 255.0f;
            }
          }
          labels[i] = all_labels[rows[i]];
          return absl::OkStatus();
        }));
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(labels), shape_.num_features,
        shape_.num_classes);
  }

  const SharedRows train_images_;
  const std::vector<int32_t> train_labels_;
  const SharedRows test_images_;
  const std::vector<int32_t> test_labels_;
  const bool transposed_;
  DataShape shape_;
};

absl::StatusOr<std::unique_ptr<ExamplePool>> Open(const std::string& folder,
                                                  const IdxLayout& layout) {
  SHOAL_ASSIGN_OR_RETURN(IdxPart train,
                         OpenPart(folder, layout.train_prefix, layout));
  SHOAL_ASSIGN_OR_RETURN(IdxPart test,
                         OpenPart(folder, layout.test_prefix, layout));
  if (train.height != test.height || train.width != test.width) {
    return absl::DataLossError(absl::StrCat(
        test.images.path, ": images of ", test.height, " x ", test.width,
        ", but the training images are ", train.height, " x ", train.width));
  }
  return std::make_unique<IdxPool>(std::move(train), std::move(test), layout);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenIdx(
    const std::string& folder) {
  return Open(folder, IdxLayout{});
}

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenEmnist(
    const std::string& folder, const std::string& split) {
  for (const Split& known : kSplits) {
    if (known.name != split) continue;
    return Open(folder, {absl::StrCat("emnist-", split, "-train"),
                         absl::StrCat("emnist-", split, "-test"),
                         known.num_classes, known.first_label,
                         /*transposed=*/true});
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "EMNIST has no split '", split,
      "', expected byclass, bymerge, balanced, letters, digits or mnist"));
}

}  // namespace shoal::learning
