// Early returns for absl::Status and absl::StatusOr.
//
//   SHOAL_RETURN_IF_ERROR(store.Commit(row));
//   SHOAL_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
#ifndef SHOAL_BASE_STATUS_MACROS_H_
#define SHOAL_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define SHOAL_RETURN_IF_ERROR(expression)                                 \
  do {                                                                    \
    if (absl::Status shoal_status_ = (expression); !shoal_status_.ok()) { \
      return shoal_status_;                                               \
    }                                                                     \
  } while (false)

#define SHOAL_ASSIGN_OR_RETURN(target, expression)                        \
  SHOAL_ASSIGN_OR_RETURN_IMPL_(SHOAL_STATUS_CONCAT_(shoal_or_, __LINE__), \
                               target, expression)

#define SHOAL_ASSIGN_OR_RETURN_IMPL_(holder, target, expression) \
  auto holder = (expression);                                    \
  if (!holder.ok()) return std::move(holder).status();           \
  target = *std::move(holder)

#define SHOAL_STATUS_CONCAT_(a, b) SHOAL_STATUS_CONCAT_INNER_(a, b)
#define SHOAL_STATUS_CONCAT_INNER_(a, b) a##b

#endif  // SHOAL_BASE_STATUS_MACROS_H_
