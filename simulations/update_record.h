// Local updates and what goes with them as bytes.
#ifndef SHOAL_SIMULATIONS_UPDATE_RECORD_H_
#define SHOAL_SIMULATIONS_UPDATE_RECORD_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "learning/batch.h"
#include "learning/local_update.h"

namespace shoal::simulations {

void AppendScore(std::string& out, const learning::Score& score);
learning::Score ReadScore(ByteReader& in);

void AppendStatus(std::string& out, const absl::Status& status);
absl::Status ReadStatus(ByteReader& in);

// All but the values, of which there are as many zeros in what is read.
void AppendFacts(std::string& out, const learning::LocalUpdate& update);
learning::LocalUpdate ReadFacts(ByteReader& in);

// The whole result.
void AppendResult(std::string& out,
                  const absl::StatusOr<learning::LocalUpdate>& result);
absl::StatusOr<learning::LocalUpdate> ReadResult(ByteReader& in);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_UPDATE_RECORD_H_
