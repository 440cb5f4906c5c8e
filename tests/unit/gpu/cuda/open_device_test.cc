#include "gpu/cuda/open_device.h"

#include <gtest/gtest.h>

namespace souk::gpu {
namespace {

TEST(OpenDevice, KnowsTheCpuReferenceByName) {
  const Result<std::unique_ptr<Device>> device = OpenDevice("cpu");
  ASSERT_TRUE(device);
  EXPECT_EQ((*device)->info().kind, "cpu");
}

TEST(OpenDevice, TakesTheBestThatThereIsOnAuto) {
  const Result<std::vector<NamedDevice>> devices = ListDevices();
  ASSERT_TRUE(devices) << devices.error().message;
  ASSERT_FALSE(devices->empty());
  EXPECT_EQ(devices->back().name, "cpu");
  const Result<std::unique_ptr<Device>> device = OpenDevice("auto");
  ASSERT_TRUE(device);
  EXPECT_EQ((*device)->info().uuid, devices->front().info.uuid);
}

TEST(OpenDevice, RefusesNamesThatAreNoDevice) {
  for (const char* name :
       {"", "gpu", "cuda:", "cuda:x", "cuda:0x", "cuda:-1", "cpu0", "cuda:1 ", "cuda:99999999999",
        "cuda:GPU", "cuda:MIG-$(id)", "cuda:GPU-\n", "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"}) {
    const Result<std::unique_ptr<Device>> device = OpenDevice(name);
    ASSERT_FALSE(device) << name;
    EXPECT_EQ(device.error().code, Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(OpenDevice("cuda:4000000000").error().code, Code::kNotFound);
  for (const char* name : {"cuda:GPU-00010203-0405-0607-0809-0a0b0c0d0e0f",
                           "cuda:MIG-00010203-0405-0607-0809-0a0b0c0d0e0f",
                           "cuda:MIG-GPU-00010203-0405-0607-0809-0a0b0c0d0e0f/3/0"}) {
    EXPECT_TRUE(CheckDeviceName(name)) << name;
    EXPECT_FALSE(OpenDevice(name)) << name;
  }
}

}  // namespace
}  // namespace souk::gpu
