import torch

matmul = torch.backends.cuda.matmul.allow_tf32
convolution = torch.backends.cudnn.allow_tf32
print(f"TF32 by default: matrix products {matmul}, convolutions {convolution}")
assert (matmul, convolution) == (False, True)
