module gollamas

go 1.26
