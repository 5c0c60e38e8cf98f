// Nobody's rights, where tests run as root, who may open everything.
#ifndef SHOAL_TESTS_SUPPORT_OTHER_USER_H_
#define SHOAL_TESTS_SUPPORT_OTHER_USER_H_

#include <unistd.h>

#include "base/check.h"

namespace shoal::testing {

// While it lives, the process opens files as a user without rights; for anybody
// but root nothing changes.
class AsOtherUser {
 public:
  AsOtherUser() : own_(geteuid()) {
    constexpr uid_t kNobody = 65534;
    if (own_ == 0) SHOAL_CHECK(seteuid(kNobody) == 0);
  }
  ~AsOtherUser() { SHOAL_CHECK(seteuid(own_) == 0); }
  AsOtherUser(const AsOtherUser&) = delete;
  AsOtherUser& operator=(const AsOtherUser&) = delete;

 private:
  const uid_t own_;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_OTHER_USER_H_
