#include "learning/data/leaf_file.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"

namespace shoal::learning {
namespace {

using Json = nlohmann::json;

constexpr double kMaxLabel = 9999;
constexpr double kMaxExamples = 1e15;  // of a user

// Bytes of a file, counted as they are taken.
class ByteSource {
 public:
  explicit ByteSource(InputFile& file) : file_(file) {}

  bool AtEnd() {
    if (!peeked_) next_ = file_.Get();
    peeked_ = true;
    return next_ < 0;
  }
  char next() const { return static_cast<char>(next_); }
  void Take() {
    peeked_ = false;
    ++taken_;
  }
  int64_t taken() const { return taken_; }

 private:
  InputFile& file_;
  int next_ = 0;
  bool peeked_ = false;
  int64_t taken_ = 0;
};

// The same as the parser wants it. No source: the end.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit ByteIterator(ByteSource* source) : source_(source) {}

  char operator*() const { return source_->next(); }
  ByteIterator& operator++() {
    source_->Take();
    return *this;
  }
  void operator++(int) { source_->Take(); }
  bool operator==(const ByteIterator& other) const {
    return AtEnd() == other.AtEnd();
  }

 private:
  bool AtEnd() const { return source_ == nullptr || source_->AtEnd(); }

  ByteSource* source_;
};

// What one user's object holds.
struct UserData {
  int64_t num_rows = 0;
  std::vector<int32_t> labels;
  std::vector<float> features;  // where they are kept
};

// Follows the events of the parser. `depth_` counts the brackets that are open:
// 1 the file, 2 its lists and "user_data", 3 a user, 4 "x" and "y", 5 a row.
class LeafEvents final : public nlohmann::json_sax<Json> {
 public:
  // Of a whole file; `on_user` gets every user's data, and where they begin.
  LeafEvents(const ByteSource& source,
             absl::FunctionRef<void(LeafUser, UserData)> on_user)
      : source_(source), on_user_(on_user), keep_features_(false) {}
  // Of one user's object.
  struct OneUser {};
  LeafEvents(const ByteSource& source, OneUser,
             absl::FunctionRef<void(LeafUser, UserData)> on_user)
      : source_(source), on_user_(on_user), keep_features_(true) {
    section_ = Section::kUserData;
    depth_ = 2;
  }

  const std::string& problem() const { return problem_; }
  const std::vector<std::string>& users() const { return users_; }
  const std::vector<int64_t>& num_samples() const { return num_samples_; }
  int64_t num_features() const { return num_features_; }

  bool start_object(size_t) override {
    if (InField()) return Fail("an object in the data of a user");
    ++depth_;
    if (InUserData() && depth_ == 3) {
      user_.offset = source_.taken() - 1;
      data_ = UserData();
      return true;
    }
    return depth_ == 1 || section_ == Section::kOther || InUserData() ||
           Fail("an object where a list is expected");
  }
  bool end_object() override {
    --depth_;
    if (InUserData() && depth_ == 2) return EndUser();
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ == 1) {
      section_ = name == "users"         ? Section::kUsers
                 : name == "num_samples" ? Section::kNumSamples
                 : name == "user_data"   ? Section::kUserData
                                         : Section::kOther;
    } else if (InUserData() && depth_ == 2) {
      user_.name = name;
    } else if (InUserData() && depth_ == 3) {
      field_ = name == "x"   ? Field::kX
               : name == "y" ? Field::kY
                             : Field::kOther;
    }
    return true;
  }
  bool start_array(size_t) override {
    ++depth_;
    if (depth_ == 1) return Fail("a list where the file's object is expected");
    if (InUserData() && depth_ <= 3) return Fail("a list of user data");
    row_size_ = 0;
    if (!InField() || depth_ == 4 || (depth_ == 5 && field_ == Field::kX)) {
      return true;
    }
    return Fail(field_ == Field::kX ? "features that are nested lists"
                                    : "a label that is a list");
  }
  bool end_array() override {
    --depth_;
    return !(InField() && depth_ == 4) || EndRow();
  }
  bool number_integer(number_integer_t value) override {
    return Number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Number(value);
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && section_ == Section::kUsers) {
      users_.push_back(text);
      return true;
    }
    return NoNumber("a text");
  }
  bool null() override { return NoNumber("null"); }
  bool boolean(bool) override { return NoNumber("true or false"); }
  bool binary(binary_t&) override { return NoNumber("bytes"); }
  bool parse_error(size_t, const std::string& token,
                   const nlohmann::detail::exception&) override {
    return Fail(absl::StrCat("no JSON at '", token, "'"));
  }

 private:
  enum class Section { kOther, kUsers, kNumSamples, kUserData };
  enum class Field { kOther, kX, kY };

  bool InUserData() const { return section_ == Section::kUserData; }
  bool InField() const {
    return InUserData() && depth_ >= 3 && field_ != Field::kOther;
  }

  bool Fail(absl::string_view what) {
    if (problem_.empty()) {
      problem_ = absl::StrCat("byte ", source_.taken(), ": ", what);
    }
    return false;
  }

  bool NoNumber(absl::string_view what) {
    const bool counts = InField() || section_ == Section::kNumSamples ||
                        section_ == Section::kUsers;
    return !counts || Fail(absl::StrCat(what, ", expected a number"));
  }

  bool Number(double value) {
    if (section_ == Section::kNumSamples && depth_ == 2) {
      if (!(value >= 0 && value <= kMaxExamples)) {
        return Fail(absl::StrCat("a number of examples of ", value));
      }
      num_samples_.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (section_ == Section::kUsers) return Fail("a user who is no text");
    if (!InField()) return true;
    return field_ == Field::kX ? Feature(value) : Label(value);
  }

  bool Feature(double value) {
    if (depth_ != 5) return Fail("a feature outside of a list of features");
    const float feature = static_cast<float>(value);
    if (!std::isfinite(feature)) return Fail("a feature beyond float32");
    ++row_size_;
    if (keep_features_) data_.features.push_back(feature);
    return true;
  }

  bool Label(double value) {
    if (depth_ != 4) return Fail("a label outside of the list of labels");
    if (!(value >= 0 && value <= kMaxLabel && value == std::floor(value))) {
      return Fail(absl::StrCat("label ", value,
                               ", expected a whole number from 0 to 9999"));
    }
    data_.labels.push_back(static_cast<int32_t>(value));
    return true;
  }

  bool EndRow() {
    if (field_ != Field::kX) return true;
    if (num_features_ == 0) num_features_ = row_size_;
    ++data_.num_rows;
    if (row_size_ > 0 && row_size_ == num_features_) return true;
    return Fail(absl::StrCat("an example of ", row_size_,
                             " features, expected ", num_features_));
  }

  bool EndUser() {
    field_ = Field::kOther;
    if (data_.num_rows != std::ssize(data_.labels)) {
      return Fail(absl::StrCat("user '", user_.name, "' has ", data_.num_rows,
                               " examples, but ", data_.labels.size(),
                               " labels"));
    }
    on_user_(std::move(user_), std::move(data_));
    user_ = LeafUser();
    data_ = UserData();
    return true;
  }

  const ByteSource& source_;
  const absl::FunctionRef<void(LeafUser, UserData)> on_user_;
  const bool keep_features_;
  int depth_ = 0;
  Section section_ = Section::kOther;
  Field field_ = Field::kOther;
  int64_t row_size_ = 0;
  int64_t num_features_ = 0;
  LeafUser user_;
  UserData data_;
  std::vector<std::string> users_;
  std::vector<int64_t> num_samples_;
  std::string problem_;
};

// Parses one value. `strict`: up to the end of the file.
absl::Status Follow(InputFile& file, ByteSource& source, LeafEvents& events,
                    bool strict) {
  const bool parsed =
      Json::sax_parse(ByteIterator(&source), ByteIterator(nullptr), &events,
                      nlohmann::detail::input_format_t::json, strict);
  SHOAL_RETURN_IF_ERROR(file.status());
  if (parsed) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file.path(), ": ", events.problem()));
}

// The users in the order of the list; each is there once, with as many examples
// as `counts` says where it says something.
absl::StatusOr<std::vector<LeafUser>> InOrder(
    const std::string& path, std::vector<LeafUser> users,
    const std::vector<std::string>& names, const std::vector<int64_t>& counts) {
  const auto error = [&](absl::string_view name, absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat(path, ": user '", name, "' ", what));
  };
  absl::flat_hash_map<std::string, size_t> places;
  for (size_t i = 0; i < users.size(); ++i) {
    if (!places.emplace(users[i].name, i).second) {
      return error(users[i].name, "has data twice");
    }
  }
  if (!counts.empty() && counts.size() != names.size()) {
    return absl::DataLossError(absl::StrCat(
        path, ": ", counts.size(), " num_samples of ", names.size(), " users"));
  }
  std::vector<LeafUser> ordered;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto place = places.find(names[i]);
    if (place == places.end()) {
      return error(names[i], "is listed twice, or has no data");
    }
    LeafUser& user = users[place->second];
    if (!counts.empty() && counts[i] != std::ssize(user.labels)) {
      return error(names[i],
                   absl::StrCat("has ", user.labels.size(),
                                " examples, but num_samples says ", counts[i]));
    }
    ordered.push_back(std::move(user));
    places.erase(place);
  }
  if (!places.empty()) {
    return error(places.begin()->first, "has data, but is not listed");
  }
  return ordered;
}

}  // namespace

absl::StatusOr<LeafFile> ScanLeaf(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  ByteSource source(file);
  LeafFile leaf;
  leaf.path = path;
  std::vector<LeafUser> users;
  const auto take = [&users](LeafUser user, UserData data) {
    user.labels = std::move(data.labels);
    users.push_back(std::move(user));
  };
  LeafEvents events(source, take);
  SHOAL_RETURN_IF_ERROR(Follow(file, source, events, /*strict=*/true));
  leaf.num_features = events.num_features();
  SHOAL_ASSIGN_OR_RETURN(
      leaf.users,
      InOrder(path, std::move(users), events.users(), events.num_samples()));
  return leaf;
}

absl::StatusOr<std::vector<float>> ReadLeafFeatures(const LeafFile& file,
                                                    const LeafUser& user) {
  SHOAL_ASSIGN_OR_RETURN(InputFile input, InputFile::Open(file.path));
  SHOAL_RETURN_IF_ERROR(input.Skip(user.offset, "the users before"));
  ByteSource source(input);
  std::vector<float> features;
  bool same = false;
  const auto take = [&](LeafUser, UserData data) {
    features = std::move(data.features);
    same = data.labels == user.labels;
  };
  LeafEvents events(source, LeafEvents::OneUser{}, take);
  SHOAL_RETURN_IF_ERROR(Follow(input, source, events, /*strict=*/false));
  if (same &&
      (user.labels.empty() || events.num_features() == file.num_features)) {
    return features;
  }
  return absl::DataLossError(
      absl::StrCat(file.path, ": changed since it was opened"));
}

}  // namespace shoal::learning
