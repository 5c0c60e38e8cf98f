#include "configuration/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "configuration/scalar_reader.h"
#include "protocol/schema/rules.h"
#include "protocol/schema/text.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Field;
using protocol::schema::JoinPath;
using protocol::schema::Kind;
using protocol::schema::Message;
using protocol::schema::Type;

// Longest key that is repeated in an error.
constexpr size_t kMaxShownBytes = 80;

// Insertions, deletions, substitutions and swaps of neighbours that make `b`
// of `a` (optimal string alignment).
int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substituted = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// The field whose name looks like a misspelt `key`; null when none does.
const Field* NearestField(const Type& type, absl::string_view key) {
  if (key.size() > kMaxShownBytes) return nullptr;
  const Field* nearest = nullptr;
  int distance = 1 + std::max(1, static_cast<int>(key.size()) / 3);
  for (const Field& field : FieldsOf(type)) {
    const int d = EditDistance(key, field.name());
    if (d >= distance) continue;
    distance = d;
    nearest = &field;
  }
  return nearest;
}

std::string KnownKeys(const Type& type) {
  std::vector<absl::string_view> names;
  for (const Field& field : FieldsOf(type)) names.push_back(field.name());
  if (names.empty()) return "none";
  return absl::StrCat(names.size() > 1 ? "one of " : "",
                      absl::StrJoin(names, ", "));
}

std::string KindOf(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsScalar()) {
    return absl::StrCat(
        "'", absl::CEscape(node.Scalar().substr(0, kMaxShownBytes)), "'");
  }
  return "nothing";
}

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

// Walks over a document along a schema.
class Reader {
 public:
  explicit Reader(FileReport& report) : report_(report) {}

  // An absent value stands for an empty mapping: `iid:`.
  void ReadMessage(const YAML::Node& node, Message& message,
                   const std::string& path) {
    if (node.IsNull()) return;
    if (!node.IsMap()) {
      report_.Add(path, absl::StrCat(KindOf(node), ", expected a mapping"));
      return;
    }
    absl::flat_hash_map<std::string, int> seen;
    for (const auto& entry : node) {
      const int line = LineOf(entry.first);
      if (!entry.first.IsScalar()) {
        report_.AddAt(
            line, path,
            absl::StrCat(KindOf(entry.first), " as a key, expected a name"));
        continue;
      }
      const std::string& key = entry.first.Scalar();
      const auto [first, is_new] = seen.try_emplace(key, line);
      const std::string entry_path =
          JoinPath(path, absl::CEscape(key.substr(0, kMaxShownBytes)));
      if (!is_new) {
        report_.AddAt(line, entry_path,
                      absl::StrCat("given twice, first on line ", first->second,
                                   ", expected once"));
        continue;
      }
      const Field* field = FindField(message.type(), key);
      if (field == nullptr) {
        AddUnknownKey(message.type(), key, line, path, entry_path);
        continue;
      }
      report_.SetLine(entry_path, line);
      ReadEntry(*field, entry.second, message, entry_path);
    }
  }

 private:
  void AddUnknownKey(const Type& type, const std::string& key, int line,
                     const std::string& parent, const std::string& path) {
    const Field* nearest = NearestField(type, key);
    if (nearest == nullptr) {
      report_.AddAt(line, path,
                    absl::StrCat("unknown key, expected ", KnownKeys(type)));
      return;
    }
    report_.AddAt(
        line, path,
        absl::StrCat("unknown key, did you mean ", nearest->name(), "?"));
    // That the key or the choice it belongs to is missing follows from this.
    report_.Explain(nearest->in_oneof ? parent
                                      : JoinPath(parent, nearest->name()));
  }

  void ReadEntry(const Field& field, const YAML::Node& value, Message& message,
                 const std::string& path) {
    const Field* const chosen = message.Chosen();
    if (field.in_oneof && chosen != nullptr) {
      report_.Add(
          path, absl::StrCat("given beside ", chosen->name(),
                             ", expected only ", MembersText(message.type())));
      return;
    }
    if (field.is_list) {
      ReadList(value, message, field, path);
    } else if (field.kind == Kind::kMessage) {
      ReadMessage(value, message.Set(field).message[0], path);
    } else {
      ReadScalar(value, message, field, path);
    }
  }

  void ReadList(const YAML::Node& node, Message& message, const Field& field,
                const std::string& path) {
    if (!node.IsSequence()) {
      report_.Add(path, absl::StrCat(KindOf(node), ", expected ",
                                     ListExpectation(field)));
      return;
    }
    int index = 0;
    for (const YAML::Node& element : node) {
      const std::string element_path = absl::StrCat(path, "[", index++, "]");
      report_.SetLine(element_path, LineOf(element));
      if (field.kind == Kind::kMessage) {
        ReadElement(element, message, field, element_path);
        continue;
      }
      // Elements that are left out would shift the indices of the rest.
      if (!ReadScalar(element, message, field, element_path)) {
        report_.Explain(path);
      }
    }
  }

  // In a list nothing is no empty mapping.
  void ReadElement(const YAML::Node& node, Message& message, const Field& field,
                   const std::string& path) {
    Message& element = message.Add(field).message[0];
    if (node.IsMap()) {
      ReadMessage(node, element, path);
    } else {
      report_.Add(
          path, absl::StrCat(KindOf(node), ", expected ", Expectation(field)));
    }
  }

  // Whether the value was right.
  bool ReadScalar(const YAML::Node& node, Message& message, const Field& field,
                  const std::string& path) {
    if (!node.IsScalar()) {
      report_.Add(
          path, absl::StrCat(KindOf(node), ", expected ", Expectation(field)));
      return false;
    }
    // yaml-cpp gives plain scalars the tag "?" and quoted ones "!".
    const std::string problem =
        SetScalar(message, field, {node.Scalar(), node.Tag() == "!"});
    if (!problem.empty()) report_.Add(path, problem);
    return problem.empty();
  }

  FileReport& report_;
};

struct Document {
  YAML::Node root;
  std::string problem;  // "": none
  int line = 1;
};

// Notes where a document starts; its contents do not matter.
class StartFinder final : public YAML::EventHandler {
 public:
  int line = 0;

  void OnDocumentStart(const YAML::Mark& mark) override {
    line = mark.line + 1;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// The line on which something follows the first document; 0: nothing does.
// (Not YAML::LoadAll: in yaml-cpp 0.7 it never ends on the text ",".)
int LineOfSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  StartFinder finder;
  if (!parser.HandleNextDocument(finder)) return 0;
  return parser.HandleNextDocument(finder) ? finder.line : 0;
}

// REQUIRES: YAML's exceptions are caught around the call.
Document ParseOrThrow(const std::string& text) {
  Document document;
  document.root = YAML::Load(text);
  const int second_line = LineOfSecondDocument(text);
  if (second_line != 0) {
    document.problem =
        "text after the end of the first document, expected "
        "one document";
    document.line = second_line;
  } else if (!document.root.IsMap()) {
    document.problem = absl::StrCat("the file holds ", KindOf(document.root),
                                    ", expected a mapping");
  }
  return document;
}

// yaml-cpp bounds the nesting by itself: it throws beyond 500 levels.
Document Parse(absl::string_view text) {
  Document document;
  if (text.size() > kMaxFileBytes) {
    document.problem = absl::StrCat("the file has ", text.size(),
                                    " bytes, expected at most ", kMaxFileBytes);
    return document;
  }
  try {
    return ParseOrThrow(std::string(text));
  } catch (const YAML::Exception& error) {
    // It may quote the end of a line.
    document.problem = absl::StrCat(
        "not YAML: ", absl::StrReplaceAll(error.msg, {{"\n", "\\n"}}));
    if (!error.mark.is_null()) document.line = error.mark.line + 1;
    return document;
  }
}

}  // namespace

void ReadYaml(absl::string_view text, Message& message, FileReport& report) {
  const Document document = Parse(text);
  if (!document.problem.empty()) {
    report.AddAt(document.line, "", document.problem);
    return;
  }
  report.SetLine("", LineOf(document.root));
  Reader(report).ReadMessage(document.root, message, "");
}

void AddRuleViolations(const Message& message, absl::string_view path,
                       FileReport& report) {
  for (const protocol::schema::Violation& violation : CheckRules(message)) {
    const std::string place = JoinPath(path, violation.path);
    if (!report.IsExplained(place)) report.Add(place, violation.problem);
  }
}

bool HasTopLevelKey(absl::string_view text, absl::string_view key) {
  const Document document = Parse(text);
  if (!document.problem.empty()) return false;
  for (const auto& entry : document.root) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) return true;
  }
  return false;
}

}  // namespace shoal::configuration
