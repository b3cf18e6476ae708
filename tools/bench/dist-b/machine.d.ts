/** Where the figures come from. */
export interface Machine {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly node: string;
    readonly os: string;
}
export declare function describeMachine(): Machine;
//# sourceMappingURL=machine.d.ts.map