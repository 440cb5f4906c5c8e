# Debian 12's packages; tools/packages.txt lists them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CapnProto REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(RocksDB REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)

# libcrypto as an archive for a program with the property SOUK_SELF_CONTAINED, which is carried to
# machines that have nothing but the C library.
add_library(souk_crypto INTERFACE)
target_link_libraries(souk_crypto INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:SOUK_SELF_CONTAINED>>,-l:libcrypto.a,OpenSSL::Crypto>)

if(SOUK_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()
