#include "tests/support/fake_transport.h"

#include "tests/support/transport_conformance.h"

namespace shoal::testing {
namespace {

// The fake that other tests rely on keeps the rules of the real ones.
class FakeCoordinator final : public TransportCoordinator {
 public:
  std::unique_ptr<client::Transport> Connect() override {
    return std::make_unique<FakeTransport>(fleet_);
  }
  std::string population() const override { return FakeFleet::kPopulation; }

 private:
  FakeFleet fleet_;
};

INSTANTIATE_TEST_SUITE_P(Fake, TransportConformanceTest, ::testing::Values([] {
                           return std::make_unique<FakeCoordinator>();
                         }));

}  // namespace
}  // namespace shoal::testing
