#include "learning/data/text_reader.h"

#include <map>

#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"
#include "learning/data/text.h"

namespace shoal::learning {
namespace {

constexpr size_t kMaxNameBytes = 64;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Bytes in, tokens with their speakers out.
class TextParser {
 public:
  TextParser(bool by_speaker, absl::FunctionRef<void(int32_t, int32_t)> visit)
      : by_speaker_(by_speaker),
        visit_(visit),
        speaker_(by_speaker ? -1 : 0),
        may_be_name_(by_speaker) {}

  void Add(char byte) {
    if (byte == '\r') return;
    if (may_be_name_) {
      AddToName(byte);
    } else if (byte != '\n') {
      Emit(byte);
      line_is_empty_ = false;
    } else if (by_speaker_ && line_is_empty_) {
      may_be_name_ = true;
    } else {
      Emit('\n');
      line_is_empty_ = true;
    }
  }

  void End() {
    if (!IsName()) Flush();
  }

 private:
  // The line may be the beginning of a speech: it is held until that is known.
  void AddToName(char byte) {
    if (byte != '\n') {
      held_.push_back(byte);
      if (held_.size() <= kMaxNameBytes + 1) return;
      Flush();
      may_be_name_ = line_is_empty_ = false;
      return;
    }
    if (held_.empty()) return;  // another empty line
    if (IsName()) {
      held_.pop_back();
      speaker_ = numbers_.emplace(held_, static_cast<int32_t>(numbers_.size()))
                     .first->second;
      held_.clear();
    } else {
      Flush();
      Emit('\n');
    }
    may_be_name_ = false;
    line_is_empty_ = true;
  }

  bool IsName() const { return held_.size() > 1 && held_.back() == ':'; }

  void Flush() {
    for (const char byte : held_) Emit(byte);
    held_.clear();
  }

  void Emit(char byte) {
    const int32_t token = TextToken(static_cast<unsigned char>(byte));
    if (token >= 0) visit_(speaker_, token);
  }

  const bool by_speaker_;
  const absl::FunctionRef<void(int32_t, int32_t)> visit_;
  std::map<std::string, int32_t> numbers_;  // of the speakers
  int32_t speaker_;
  bool may_be_name_;  // the line: all of it so far is held
  bool line_is_empty_ = true;
  std::string held_;
};

}  // namespace

absl::Status ReadText(
    const std::string& path, bool by_speaker,
    absl::FunctionRef<void(int32_t speaker, int32_t token)> visit) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  TextParser parser(by_speaker, visit);
  // Three bytes at the beginning may be a mark that is no character.
  std::string start;
  int c = 0;
  while (start.size() < kByteOrderMark.size() && (c = file.Get()) != -1) {
    start.push_back(static_cast<char>(c));
  }
  if (start != kByteOrderMark) {
    for (const char byte : start) parser.Add(byte);
  }
  while (c != -1 && (c = file.Get()) != -1) parser.Add(static_cast<char>(c));
  SHOAL_RETURN_IF_ERROR(file.status());
  parser.End();
  return absl::OkStatus();
}

}  // namespace shoal::learning
