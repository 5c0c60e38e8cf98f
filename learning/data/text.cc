#include "learning/data/text.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/sha256sums.h"
#include "learning/data/text_reader.h"

namespace shoal::learning {
namespace {

constexpr int kMaxLength = 65536;
constexpr int64_t kMinWindows = 10;
constexpr int64_t kHoldOutEvery = 10;
constexpr int32_t kLineEnd = kTextVocabulary - 2;
constexpr int32_t kOther = kTextVocabulary - 1;

// What a file holds, without the text.
struct Contents {
  bool by_speaker = false;
  std::vector<int64_t> characters;  // by speaker
  int64_t num_characters = 0;       // nobody's ones included
  int64_t num_others = 0;           // outside the vocabulary
};

absl::StatusOr<Contents> Scan(const std::string& path, bool by_speaker) {
  Contents contents;
  contents.by_speaker = by_speaker;
  std::vector<int64_t>& characters = contents.characters;
  SHOAL_RETURN_IF_ERROR(
      ReadText(path, by_speaker, [&](int32_t speaker, int32_t token) {
        ++contents.num_characters;
        if (token == kOther) ++contents.num_others;
        if (speaker < 0) return;
        if (speaker >= std::ssize(characters)) characters.resize(speaker + 1);
        ++characters[speaker];
      }));
  return contents;
}

// The last character is a label alone.
int64_t NumWindows(int64_t num_characters, int length) {
  return std::max<int64_t>(num_characters - 1, 0) / length;
}

bool HasEnough(int64_t num_characters, int length) {
  return NumWindows(num_characters, length) >= kMinWindows;
}

// Whether the names that were found divide the text.
bool HasSpeakers(const Contents& contents, int length) {
  int64_t speakers = 0, spoken = 0;
  for (const int64_t characters : contents.characters) {
    if (!HasEnough(characters, length)) continue;
    ++speakers;
    spoken += characters;
  }
  return speakers >= 2 && spoken >= contents.num_characters / 2;
}

absl::Status CheckContents(const std::string& path, const Contents& contents,
                           int length) {
  if (!HasEnough(contents.num_characters, length)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", contents.num_characters,
        " characters are too few, expected at least ", kMinWindows * length + 1,
        " for ", kMinWindows, " windows of ", length));
  }
  if (contents.num_others > contents.num_characters / 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", contents.num_others, " of ", contents.num_characters,
        " characters are neither printable ASCII nor line ends, expected a "
        "text of such"));
  }
  return absl::OkStatus();
}

// Puts characters into the windows that are asked for.
class WindowFiller {
 public:
  // `first_windows`: of every speaker, -1 for those left out. `rows`: for
  // every window its place in the result, or -1.
  WindowFiller(int length, const std::vector<int64_t>& first_windows,
               const std::vector<int64_t>& num_windows,
               const std::vector<int64_t>& rows, int64_t num_rows)
      : length_(length),
        first_windows_(first_windows),
        num_windows_(num_windows),
        rows_(rows),
        positions_(first_windows.size()),
        features_(num_rows * length),
        labels_(num_rows * length) {}

  void Add(int32_t speaker, int32_t token) {
    if (speaker < 0) return;
    if (speaker >= std::ssize(positions_)) positions_.resize(speaker + 1);
    const int64_t position = positions_[speaker]++;
    if (speaker >= std::ssize(first_windows_)) return;
    if (const int64_t at = PlaceOf(speaker, position); at >= 0) {
      features_[at] = static_cast<float>(token);
    }
    if (position == 0) return;
    if (const int64_t at = PlaceOf(speaker, position - 1); at >= 0) {
      labels_[at] = token;
    }
  }

  const std::vector<int64_t>& positions() const { return positions_; }
  std::unique_ptr<Dataset> Take() && {
    return std::make_unique<InMemoryDataset>(
        InMemoryDataset::WithSequences(std::move(features_), std::move(labels_),
                                       length_, length_, kTextVocabulary));
  }

 private:
  // Of a speaker's character among the features; -1 where it is in no window
  // that is asked for.
  int64_t PlaceOf(int32_t speaker, int64_t position) const {
    const int64_t window = position / length_;
    if (first_windows_[speaker] < 0 || window >= num_windows_[speaker]) {
      return -1;
    }
    const int64_t row = rows_[first_windows_[speaker] + window];
    return row < 0 ? -1 : row * length_ + position % length_;
  }

  const int length_;
  const std::vector<int64_t>& first_windows_;
  const std::vector<int64_t>& num_windows_;
  const std::vector<int64_t>& rows_;
  std::vector<int64_t> positions_;  // of the speakers' next characters
  std::vector<float> features_;
  std::vector<int32_t> labels_;
};

class TextPool final : public ExamplePool {
 public:
  TextPool(TextSource source, Contents contents)
      : source_(std::move(source)), contents_(std::move(contents)) {
    int32_t owner = 0;
    for (const int64_t characters : contents_.characters) {
      const bool kept = HasEnough(characters, source_.length);
      num_windows_.push_back(kept ? NumWindows(characters, source_.length) : 0);
      first_windows_.push_back(kept ? NumAllWindows() : -1);
      if (kept) AddOwner(owner++, first_windows_.back(), num_windows_.back());
    }
    shape_.num_features = source_.length;
    shape_.num_classes = kTextVocabulary;
    shape_.labels_per_example = source_.length;
    shape_.tokens = true;
    shape_.natural_is_default = true;
    if (contents_.by_speaker) {
      shape_.natural_devices = owner;
    } else {
      owners_.clear();
    }
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(train_); }
  absl::Span<const int32_t> groups() const override { return {}; }
  absl::Span<const int32_t> owners() const override { return owners_; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    std::vector<int64_t> windows;
    windows.reserve(examples.size());
    for (const int64_t example : examples) windows.push_back(train_[example]);
    return LoadWindows(windows);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return LoadWindows(test_);
  }

 private:
  int64_t NumAllWindows() const { return train_.size() + test_.size(); }

  void AddOwner(int32_t owner, int64_t first, int64_t size) {
    const int64_t held_out = first + size - size / kHoldOutEvery;
    for (int64_t window = first; window < first + size; ++window) {
      (window < held_out ? train_ : test_).push_back(window);
      if (window < held_out) owners_.push_back(owner);
    }
  }

  absl::StatusOr<std::unique_ptr<Dataset>> LoadWindows(
      absl::Span<const int64_t> windows) const {
    std::vector<int64_t> rows(NumAllWindows(), -1);
    for (size_t row = 0; row < windows.size(); ++row) rows[windows[row]] = row;
    WindowFiller filler(source_.length, first_windows_, num_windows_, rows,
                        windows.size());
    SHOAL_RETURN_IF_ERROR(ReadText(
        source_.path, contents_.by_speaker,
        [&](int32_t speaker, int32_t token) { filler.Add(speaker, token); }));
    if (filler.positions() != contents_.characters) {
      return absl::DataLossError(
          absl::StrCat(source_.path, ": changed since it was opened"));
    }
    return std::move(filler).Take();
  }

  const TextSource source_;
  const Contents contents_;
  DataShape shape_;
  // By speaker: its first window, -1 when it is left out, and how many.
  std::vector<int64_t> first_windows_;
  std::vector<int64_t> num_windows_;
  std::vector<int64_t> train_;   // windows
  std::vector<int64_t> test_;    // windows
  std::vector<int32_t> owners_;  // of train_
};

}  // namespace

int32_t TextToken(unsigned char byte) {
  if (byte >= ' ' && byte <= '~') return byte - ' ';
  if (byte == '\n') return kLineEnd;
  const bool continues = (byte & 0xC0) == 0x80;
  return byte == '\r' || continues ? -1 : kOther;
}

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenText(
    const TextSource& source) {
  if (source.length < 1 || source.length > kMaxLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("the length of a text's windows is ", source.length,
                     ", expected 1 to ", kMaxLength));
  }
  SHOAL_RETURN_IF_ERROR(CheckSha256SumOf(source.path));
  SHOAL_ASSIGN_OR_RETURN(Contents contents, Scan(source.path, true));
  if (!HasSpeakers(contents, source.length)) {
    SHOAL_ASSIGN_OR_RETURN(contents, Scan(source.path, false));
  }
  SHOAL_RETURN_IF_ERROR(CheckContents(source.path, contents, source.length));
  return std::make_unique<TextPool>(source, std::move(contents));
}

}  // namespace shoal::learning
