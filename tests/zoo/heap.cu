struct List {
  int value;
  List* next;
};
extern "C" __global__ void heap_lists(int* out, int n) {
  List* head = nullptr;
  for (int k = 0; k < n; ++k) head = new List{k * static_cast<int>(threadIdx.x), head};
  int sum = 0;
  while (head != nullptr) {
    sum = sum * 7 + head->value;
    List* next = head->next;
    delete head;
    head = next;
  }
  out[threadIdx.x] = sum;
}
extern "C" __global__ void heap_arrays(int* out, int n) {
  int* a = static_cast<int*>(malloc(n * sizeof(int)));
  if (a == nullptr) {
    out[threadIdx.x] = -1;
    return;
  }
  for (int k = 0; k < n; ++k) a[k] = k ^ threadIdx.x;
  int sum = 0;
  for (int k = 0; k < n; ++k) sum += a[k];
  free(a);
  out[threadIdx.x] = sum;
}
