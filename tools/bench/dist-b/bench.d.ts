export {};
//# sourceMappingURL=bench.d.ts.map