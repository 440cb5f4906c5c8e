// Has no code: its target holds the headers of GoogleTest, precompiled for all tests.
