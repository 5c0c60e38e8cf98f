// A C program's own trainer, as the client takes it.
#ifndef SHOAL_CLIENT_C_API_C_TRAINER_H_
#define SHOAL_CLIENT_C_API_C_TRAINER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/include/shoal.h"
#include "client/include/shoal/trainer.h"

namespace shoal::client {

// INVALID_ARGUMENT names the function that is missing.
absl::StatusOr<std::unique_ptr<Trainer>> TrainerFrom(
    const shoal_trainer& trainer);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_C_API_C_TRAINER_H_
