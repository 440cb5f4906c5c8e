# How Souk's targets are declared. Every layer is a library made by souk_library(); its headers are
# reached as "layer/file.h" through a per-layer include root that only its users get, so that an
# include across a forbidden arrow does not compile.

find_program(SOUK_CCACHE ccache)
if(SOUK_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SOUK_CCACHE})
endif()

# Half of a build's time goes into reading the same headers. Where nothing was built before, a library
# is compiled as few large units of its sources, and the standard library's headers are precompiled, for
# tests GoogleTest's and the messages' too: a sixth less of each unit, up to half of a small test. ccache
# saves more, but keeps small units only; where it is installed each source is a unit of its own, unless
# tools/check finds its cache empty. Sources include all that they use nevertheless, and names are
# unique within a library: tools/check lints source by source.
if(SOUK_CCACHE)
  set(SOUK_UNITY_DEFAULT OFF)
else()
  set(SOUK_UNITY_DEFAULT ON)
endif()
option(SOUK_UNITY "Compile libraries as few large units, and precompile headers"
  ${SOUK_UNITY_DEFAULT})

# souk_unite(TARGET)
function(souk_unite name)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${SOUK_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# souk_unhurried(SOURCE...): command lines, read once by a program and by the compiler for half a minute
# where it optimises them.
function(souk_unhurried)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O1 SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# The standard library's headers that most sources include.
set(SOUK_STANDARD_HEADERS
  <algorithm> <array> <atomic> <chrono> <condition_variable> <deque> <filesystem> <fstream> <functional>
  <map> <memory> <mutex> <optional> <random> <set> <span> <sstream> <string> <string_view> <thread>
  <unordered_map> <utility> <variant> <vector>)

add_library(souk_options INTERFACE)
target_compile_options(souk_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 at -O2 reports these falsely on plain vector and string code.
  target_compile_options(souk_options INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-missing-field-initializers -Wno-maybe-uninitialized)
else()
  target_compile_options(souk_options INTERFACE -Wno-missing-field-initializers)
endif()
if(SOUK_WERROR)
  target_compile_options(souk_options INTERFACE -Werror)
endif()

# What souk_precompiled() reuses. It has no code.
if(SOUK_UNITY)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/standard_headers.cc CONTENT "")
  add_library(souk_standard_headers OBJECT ${CMAKE_BINARY_DIR}/standard_headers.cc)
  target_link_libraries(souk_standard_headers PRIVATE souk_options)
  target_precompile_headers(souk_standard_headers PRIVATE ${SOUK_STANDARD_HEADERS})
endif()

# souk_precompiled(TARGET): only for code that is compiled with the build type's options and no others.
function(souk_precompiled name)
  if(SOUK_UNITY)
    target_precompile_headers(${name} REUSE_FROM souk_standard_headers)
  endif()
endfunction()

# Every target with its layer, for tests/layers: the folder it is declared under.
function(souk_record name)
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" layer ${folder})
  set_property(GLOBAL APPEND PROPERTY SOUK_TARGETS ${name})
  set_property(TARGET ${name} PROPERTY SOUK_LAYER ${layer})
endfunction()

# One include root per layer: ${binary}/include/LAYER/ holds one link named LAYER to the sources.
function(souk_include_root layer out)
  set(root ${CMAKE_BINARY_DIR}/include/${layer})
  file(MAKE_DIRECTORY ${root})
  if(NOT EXISTS ${root}/${layer})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${layer} ${root}/${layer} SYMBOLIC)
  endif()
  set(${out} ${root} PARENT_SCOPE)
endfunction()

# souk_library(NAME LAYER layer SOURCES ... [PUBLIC targets...] [PRIVATE targets...]
#              [APART sources of a unit of their own...])
function(souk_library name)
  cmake_parse_arguments(A "" "LAYER" "SOURCES;PUBLIC;PRIVATE;APART" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  souk_include_root(${A_LAYER} root)
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC ${A_PUBLIC} PRIVATE souk_options ${A_PRIVATE})
  souk_unite(${name})
  if(A_LAYER MATCHES "^(ledger|node|tools)$")
    souk_precompiled(${name})
  endif()
  if(A_APART)
    set_source_files_properties(${A_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  souk_record(${name})
endfunction()

# souk_shareable(TARGET...): code that shared libraries take in too (the tests' stand-ins for drivers).
# Hidden, so that calls within it cost what they cost in a program.
function(souk_shareable)
  set_target_properties(${ARGN} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# souk_program(NAME SOURCES ... LINK targets...)
function(souk_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE souk_options ${A_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  souk_record(${name})
endfunction()

# souk_test(NAME SOURCES ... LINK targets... [LABELS labels...] [TIMEOUT seconds]
#           [LONG NAME=VALUE...])
# One GoogleTest program, registered with CTest as one unit. The target tests-LABEL builds all tests
# of a label. The labels: unit (the default), integration, sim, bench; threads marks those that the
# thread sanitizer can judge; plain marks unit tests that tools/check runs under AddressSanitizer only
# with --long: those whose time goes into other programs, or into code that faster tests run there too.
# tests-brief is tests-unit without them. LONG runs the program a second time as NAME_long, label long, with
# these in its environment: what tools/check --long adds.
function(souk_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINK;LABELS;LONG" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE souk_options ${A_LINK} GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    SOUK_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SOUK_BINARY_DIR="${CMAKE_BINARY_DIR}")
  souk_unite(${name})
  if(SOUK_UNITY)
    target_precompile_headers(${name} REUSE_FROM souk_test_headers)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT})
  set(groups ${A_LABELS})
  if("unit" IN_LIST A_LABELS AND NOT "plain" IN_LIST A_LABELS)
    list(APPEND groups brief)
  endif()
  foreach(label IN LISTS groups)
    if(NOT TARGET tests-${label})
      add_custom_target(tests-${label})
    endif()
    add_dependencies(tests-${label} ${name})
  endforeach()
  if(A_LONG)
    add_test(NAME ${name}_long COMMAND ${name})
    set_tests_properties(${name}_long PROPERTIES LABELS long TIMEOUT 14400
      ENVIRONMENT "${A_LONG}")
  endif()
endfunction()
