// What decoders of messages have in common.
#ifndef SHOAL_LEARNING_ONNX_DECODE_FIELDS_H_
#define SHOAL_LEARNING_ONNX_DECODE_FIELDS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "base/wire_format.h"
#include "learning/onnx/file.h"

namespace shoal::learning::onnx {

// DATA_LOSS: the bytes are wrong.
absl::Status Broken(absl::string_view what);
// UNIMPLEMENTED: they are right, but there is no place for them.
absl::Status Unknown(absl::string_view what);

// Calls `take` (WireField -> absl::Status) for every field. `what` names the
// message in errors.
template <typename Take>
absl::Status ForEachField(absl::string_view bytes, absl::string_view what,
                          Take take) {
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) SHOAL_RETURN_IF_ERROR(take(field));
  if (!reader.ok()) return Broken(absl::StrCat(what, " is cut off"));
  return absl::OkStatus();
}

absl::Status ReadText(const WireField& field, std::string& text);
absl::Status ReadInt(const WireField& field, int64_t& value);
// The bytes of a message inside of this one.
absl::StatusOr<absl::string_view> Message(const WireField& field);
// `of` names what has elements of the type.
absl::StatusOr<DataType> ReadDataType(const WireField& field,
                                      absl::string_view of);

absl::StatusOr<Tensor> DecodeTensor(absl::string_view bytes);
absl::StatusOr<Operation> DecodeOperation(absl::string_view bytes);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_DECODE_FIELDS_H_
